"""MobileNetV2 of torchvision.

As mobilenet-v2.py, from torchvision's weights, which are downloaded.
"""
_base_ = './mobilenet-v2.py'
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(init_cfg=dict(checkpoint='weights://mobilenet_v2_torchvision')))
