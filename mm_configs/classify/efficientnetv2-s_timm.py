"""EfficientNetV2-S of timm.

At 224 px, with timm's ImageNet weights (Tan and Le 2021, arXiv 2104.00298); any timm model is named so.
"""
_base_ = ['../_base_/datasets/crops.py',
          '../_base_/schedules/classify_adamw.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
speed = dict(dtype='bfloat16')
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(type='TIMMBackbone', model_name='efficientnetv2_rw_s', drop_path_rate=0.2, init_cfg=dict(
        type='Pretrained', checkpoint='weights://efficientnetv2_rw_s_in1k')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', in_channels=1792, num_classes={{'$FGIC_NUM_CLASSES:120'}},
              loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)))
