"""ViT-B/16 (Dosovitskiy et al. 2021, arXiv 2010.11929) with timm's weights from ImageNet-21k, tuned on ImageNet-1k."""
_base_ = 'mmpretrain::_base_/models/vit-base-p16.py'

default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(drop_rate=0., init_cfg=dict(
        _delete_=True, type='Pretrained', checkpoint='weights://vit_base_p16_in21k', prefix='backbone')))
