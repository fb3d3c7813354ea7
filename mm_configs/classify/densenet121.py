"""DenseNet-121.

At 224 px, fine-tuned from torchvision's ImageNet weights (Huang et al. 2017, arXiv 1608.06993).
"""
_base_ = ['mmpretrain::_base_/models/densenet/densenet121.py', '../_base_/datasets/crops_224px.py',
          '../_base_/schedules/classify_laptop.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='weights://densenet121_imagenet1k', prefix='backbone')),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
