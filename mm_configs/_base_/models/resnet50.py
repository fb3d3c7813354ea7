"""ResNet-50 (He et al. 2016) with torchvision's ImageNet weights."""
_base_ = 'mmpretrain::_base_/models/resnet50.py'

default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='weights://resnet50_imagenet1k')))
