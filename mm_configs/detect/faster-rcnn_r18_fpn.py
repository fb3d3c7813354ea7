"""Faster R-CNN with a thin ResNet-18-FPN at 160 px.

From scratch (He et al. 2016), for the drawn sets: minutes on a CPU. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/faster-rcnn_mobilenet-v2_fpn.py', '../_base_/datasets/coco_160px.py',
          '../_base_/schedules/detect_toy.py', '../_base_/runtime/detect.py']
model = dict(
    data_preprocessor=dict(std=[64.] * 3),
    backbone=dict(_delete_=True, type='ResNet', depth=18, base_channels=32, stem_channels=32, out_indices=(1, 2, 3),
                  norm_cfg=dict(type='BN'), norm_eval=False, style='pytorch'),
    neck=dict(in_channels=[64, 128, 256]))
