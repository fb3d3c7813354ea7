"""BigGAN-deep at 128 px.

As biggan-deep_256px.py, a quarter of the pixels.
"""
_base_ = './biggan-deep_256px.py'
model = dict(generator=dict(output_scale=128), discriminator=dict(input_scale=128))
_base_.train_dataloader.dataset.pipeline[1].size = 128
