"""BigGAN-deep at 256 px, torch.compile.

Of both networks; it needs a C compiler (docs/speed.md).
"""
_base_ = './biggan-deep_256px.py'
speed = dict(compile=['generator', 'discriminator'])
