"""ViT-B/16 from scratch, 6 heads.

Of 128 channels instead of 12 of 64: as many parameters, in which weights of 12 heads would mean something else (the
slides, task 5).
"""
_base_ = './vit-base-p16_scratch.py'
model = dict(backbone=dict(arch=dict(
    _delete_=True, embed_dims=768, num_layers=12, num_heads=6, feedforward_channels=3072)))
