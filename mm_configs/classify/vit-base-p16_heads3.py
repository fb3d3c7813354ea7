"""ViT-B/16 from scratch, 3 heads.

Of 256 channels instead of 12 of 64.
"""
_base_ = './vit-base-p16_heads6.py'
compared_with = 'vit-base-p16_scratch'
model = dict(backbone=dict(arch=dict(num_heads=3)))
