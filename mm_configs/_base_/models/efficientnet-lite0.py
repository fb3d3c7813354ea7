"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation and swish), with ImageNet weights of the lock."""
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(type='TIMMBackbone', model_name='tf_efficientnet_lite0', init_cfg=dict(
        type='Pretrained', checkpoint='weights://efficientnet_lite0_in1k', prefix='backbone')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', in_channels=1280, num_classes=1000, loss=dict(type='CrossEntropyLoss')))
