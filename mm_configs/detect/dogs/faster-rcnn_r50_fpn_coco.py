"""Stanford Dogs: the whole detector from COCO weights, but for the last layers' classes. An ablation.

torchvision's Faster R-CNN R-50-FPN, 37.0 AP on COCO, which has a class dog. Expected: not measured here.
Command:  make detect DATASET=dogs RAW=... DETECT_CONFIG=mm_configs/detect/dogs/faster-rcnn_r50_fpn_coco.py
"""
_base_ = './faster-rcnn_r50_fpn.py'
load_from = 'weights://faster_rcnn_r50_fpn_coco'
model = dict(backbone=dict(init_cfg=None))
