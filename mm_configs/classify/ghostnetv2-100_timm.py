"""GhostNetV2 1.0x of timm.

At 224 px, from scratch (Tang et al. 2022, arXiv 2211.12905). Any classifier of timm that takes 224 px is a child with
another `model_name`, or --cfg-options model.model_name=resnetrs50 (docs/papers.md).
"""
_base_ = ['../_base_/datasets/crops.py', '../_base_/schedules/classify_adamw.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
speed = dict(dtype='bfloat16')
model = dict(
    type='TimmClassifier', model_name='ghostnetv2_100', num_classes={{'$FGIC_NUM_CLASSES:120'}},
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1))
