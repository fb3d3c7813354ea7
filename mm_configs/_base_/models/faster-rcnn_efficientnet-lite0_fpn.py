"""`faster-rcnn_mobilenet-v2_fpn.py` with EfficientNet-Lite0, from the ImageNet weights that the lock brings."""
_base_ = './faster-rcnn_mobilenet-v2_fpn.py'
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(_delete_=True, type='TIMMFeatures', model_name='tf_efficientnet_lite0', out_indices=(2, 3, 4),
                  init_cfg=dict(type='Pretrained', checkpoint='weights://efficientnet_lite0_in1k', prefix='backbone')),
    neck=dict(in_channels=[40, 112, 320]))
