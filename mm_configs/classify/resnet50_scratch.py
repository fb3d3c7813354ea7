"""ResNet-50 from scratch.

Random weights instead of ImageNet's.
"""
_base_ = './resnet50.py'
model = dict(backbone=dict(init_cfg=None))
