"""From ImageNet weights, whose batch norm statistics stay as they are."""
_base_ = './faster-rcnn_mobilenet-v2_fpn.py'
model = dict(backbone=dict(norm_eval=True, init_cfg=dict(
    type='Pretrained', checkpoint='weights://mobilenet_v2_imagenet1k', prefix='backbone')))
