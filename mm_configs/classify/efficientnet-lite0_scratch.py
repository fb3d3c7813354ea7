"""EfficientNet-Lite0 from scratch.

Random weights instead of ImageNet's.
"""
_base_ = './efficientnet-lite0.py'
model = dict(backbone=dict(init_cfg=None))
