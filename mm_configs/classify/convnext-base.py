"""ConvNeXt-B.

At 224 px (Liu et al. 2022, arXiv 2201.03545); weights from ImageNet-22k, tuned on -1k; no mixing of images.
"""
_base_ = ['mmpretrain::_base_/models/convnext/convnext-base.py', '../_base_/datasets/crops.py',
          '../_base_/schedules/classify_adamw.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
speed = dict(dtype='bfloat16')
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(drop_path_rate=0.2, init_cfg=dict(
        type='Pretrained', checkpoint='weights://convnext_base_in22k', prefix='backbone')),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}),
    train_cfg=None)
