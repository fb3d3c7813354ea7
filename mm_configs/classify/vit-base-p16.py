"""ViT-B/16.

At 224 px, from timm's weights of ImageNet-21k, tuned on ImageNet-1k (Dosovitskiy et al. 2021, arXiv 2010.11929).
"""
_base_ = ['mmpretrain::_base_/models/vit-base-p16.py', '../_base_/datasets/crops.py',
          '../_base_/schedules/classify_adamw.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
speed = dict(dtype='bfloat16')
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(drop_rate=0., init_cfg=dict(
        _delete_=True, type='Pretrained', checkpoint='weights://vit_base_p16_in21k', prefix='backbone')),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
