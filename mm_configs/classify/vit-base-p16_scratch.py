"""ViT-B/16 from scratch.

Random weights instead of ImageNet's.
"""
_base_ = './vit-base-p16.py'
model = dict(backbone=dict(init_cfg=None))
