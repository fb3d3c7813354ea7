"""MobileNetV2 (Sandler et al. 2018) with ImageNet weights."""
_base_ = 'mmpretrain::_base_/models/mobilenet_v2_1x.py'

default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[128.] * 3, std=[128.] * 3, to_rgb=True),
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='weights://mobilenet_v2_imagenet1k', prefix='backbone')))
