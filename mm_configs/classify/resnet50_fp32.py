"""ResNet-50, float32.

Instead of bfloat16 autocast (docs/speed.md).
"""
_base_ = './resnet50.py'
speed = dict(dtype='float32')
