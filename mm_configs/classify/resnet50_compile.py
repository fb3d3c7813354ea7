"""ResNet-50, torch.compile.

Of the backbone; it needs a C compiler (docs/speed.md).
"""
_base_ = './resnet50.py'
speed = dict(compile=['backbone'])
