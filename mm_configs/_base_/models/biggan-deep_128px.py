"""BigGAN-deep at 128 px; the rest as at 256 px."""
_base_ = './biggan-deep_256px.py'
model = dict(generator=dict(output_scale=128), discriminator=dict(input_scale=128))
