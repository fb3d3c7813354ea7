"""BigGAN-deep at 256 px, float32.

In both networks instead of bfloat16 autocast (docs/speed.md).
"""
_base_ = './biggan-deep_256px.py'
speed = dict(dtype='float32')
