"""ViT-B/16, 8 layers.

The first eight of twelve, with their weights: 57 million parameters.
"""
_base_ = './vit-base-p16_layers4.py'
compared_with = 'vit-base-p16'
model = dict(backbone=dict(arch=dict(num_layers=8)))
