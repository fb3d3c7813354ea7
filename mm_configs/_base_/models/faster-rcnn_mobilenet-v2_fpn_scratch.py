"""From scratch: batch norm learns its statistics."""
_base_ = './faster-rcnn_mobilenet-v2_fpn.py'
model = dict(backbone=dict(init_cfg=None, norm_eval=False))
