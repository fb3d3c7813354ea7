"""Square crops, from scratch.

Random weights instead of ImageNet's; otherwise resnet50_square.py.
"""
_base_ = './resnet50_square.py'
compared_with = 'resnet50_square'
model = dict(backbone=dict(init_cfg=None))
