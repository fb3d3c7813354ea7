"""ViT-Ti/16, 8 layers.

Instead of 12 (the slides, task 5).
"""
_base_ = './vit-tiny-p16.py'
model = dict(backbone=dict(arch=dict(num_layers=8)))
