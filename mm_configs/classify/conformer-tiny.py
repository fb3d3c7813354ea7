"""Conformer-Ti/16.

A CNN and a transformer side by side (Peng et al. 2021, arXiv 2105.03889), at 224 px, from scratch: the host of
mmpretrain's weights is gone. For what weights bring, compare it with vit-base-p16_scratch.
"""
_base_ = ['mmpretrain::_base_/models/conformer/tiny-p16.py', '../_base_/datasets/crops.py',
          '../_base_/schedules/classify_adamw.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
speed = dict(dtype='bfloat16')
model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    head=dict(num_classes={{'$FGIC_NUM_CLASSES:120'}}),
    train_cfg=None)
