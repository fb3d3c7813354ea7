"""timm's EfficientNetV2-S (Tan and Le 2021, arXiv 2104.00298) with its ImageNet weights; any timm model is named so."""
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(type='TIMMBackbone', model_name='efficientnetv2_rw_s', drop_path_rate=0.2, init_cfg=dict(
        type='Pretrained', checkpoint='weights://efficientnetv2_rw_s_in1k')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', in_channels=1792, num_classes=1000,
              loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)))
