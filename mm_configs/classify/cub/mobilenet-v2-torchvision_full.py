"""Full images.

CUB-200-2011: as mobilenet-v2_full.py, but from torchvision's weights, which are downloaded.
Expected: not measured here. Command:  make classify DATASET=cub RAW=... PROFILE=laptop
"""
_base_ = './mobilenet-v2_full.py'
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(init_cfg=dict(checkpoint='weights://mobilenet_v2_torchvision')))
