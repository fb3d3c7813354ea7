"""Square crops, from scratch.

Random weights instead of ImageNet's; otherwise mobilenet-v2-torchvision_square.py.
"""
_base_ = './mobilenet-v2-torchvision_square.py'
compared_with = 'mobilenet-v2-torchvision_square'
model = dict(backbone=dict(init_cfg=None))
