"""Full images, torch.compile.

Of the backbone; it needs a C compiler. Expected: the same; not measured here (docs/speed.md).
"""
_base_ = './resnet50_full.py'
speed = dict(compile=['backbone'])
