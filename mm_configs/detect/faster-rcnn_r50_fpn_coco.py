"""Faster R-CNN R-50-FPN from COCO.

The whole detector from torchvision's weights, 37.0 AP on COCO, but for the last layers' classes.
"""
_base_ = './faster-rcnn_r50_fpn.py'
load_from = 'weights://faster_rcnn_r50_fpn_coco'
model = dict(backbone=dict(init_cfg=None))
