"""Faster R-CNN R-50-FPN.

1x, 1333 x 800 (Ren et al. 2015; Lin et al. 2017). On COCO, 80 classes, mmdet's gives 37.4 AP.
"""
_base_ = ['../_base_/models/faster-rcnn_r50_fpn.py', '../_base_/datasets/coco.py',
          '../_base_/schedules/detect_1x.py', '../_base_/runtime/detect.py']
speed = dict(dtype='bfloat16')
