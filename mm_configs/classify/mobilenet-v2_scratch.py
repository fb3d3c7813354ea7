"""MobileNetV2 from scratch.

Random weights instead of ImageNet's.
"""
_base_ = './mobilenet-v2.py'
model = dict(backbone=dict(init_cfg=None))
