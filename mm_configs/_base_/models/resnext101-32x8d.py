"""ResNeXt-101 32x8d (Xie et al. 2017) with torchvision's ImageNet weights."""
_base_ = 'mmpretrain::_base_/models/resnext101_32x8d.py'

default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='weights://resnext101_32x8d_imagenet1k')))
