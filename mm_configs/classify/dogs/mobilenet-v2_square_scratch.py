"""Square crops, from scratch.

Random weights instead of ImageNet's; otherwise mobilenet-v2_square.py.
"""
_base_ = './mobilenet-v2_square.py'
compared_with = 'mobilenet-v2_square'
model = dict(backbone=dict(init_cfg=None))
