"""ViT-Ti/16, 6 heads.

Of 32 channels instead of 3 of 64 (the slides, task 5).
"""
_base_ = './vit-tiny-p16.py'
model = dict(backbone=dict(arch=dict(num_heads=6)))
