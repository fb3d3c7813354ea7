"""ResNeXt-101, full images, from scratch.

Expected: 13.24 % in the slides.
"""
_base_ = './resnext101-32x8d_full.py'
model = dict(backbone=dict(init_cfg=None))
