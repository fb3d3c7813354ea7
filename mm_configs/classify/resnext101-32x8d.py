"""ResNeXt-101 32x8d.

Fine-tuned from torchvision's ImageNet weights (Xie et al. 2017) as the 2023 slides do. Top-1 of the slides in %, with
the epoch chosen on test: CUB 83.29 (box crops 83.52, square crops 82.29), Dogs 92.39 (90.70, 90.71).
"""
_base_ = ['mmpretrain::_base_/models/resnext101_32x8d.py', '../_base_/datasets/crops_512px.py',
          '../_base_/schedules/classify_slides.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
speed = dict(dtype='bfloat16')
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='weights://resnext101_32x8d_imagenet1k')),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}))
