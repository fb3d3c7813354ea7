"""Faster R-CNN with a thin ResNet-18 (He et al. 2016), from scratch: for the toys."""
_base_ = './faster-rcnn_mobilenet-v2_fpn.py'
model = dict(
    data_preprocessor=dict(std=[64.] * 3),
    backbone=dict(_delete_=True, type='ResNet', depth=18, base_channels=32, stem_channels=32, out_indices=(1, 2, 3),
                  norm_cfg=dict(type='BN'), norm_eval=False, style='pytorch'),
    neck=dict(in_channels=[64, 128, 256]))
