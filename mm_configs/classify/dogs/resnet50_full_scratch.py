"""Full images, from scratch.

The 2023 slides' baseline as they state it: resnet50_full.py from random weights. Expected: not measured here.
"""
_base_ = './resnet50_full.py'
model = dict(backbone=dict(init_cfg=None))
