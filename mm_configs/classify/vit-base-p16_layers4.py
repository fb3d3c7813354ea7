"""ViT-B/16, 4 layers.

The first four of twelve, with their weights: 29 million parameters instead of 86 (the slides, task 5).
"""
_base_ = './vit-base-p16.py'
model = dict(backbone=dict(arch=dict(
    _delete_=True, embed_dims=768, num_layers=4, num_heads=12, feedforward_channels=3072)))
