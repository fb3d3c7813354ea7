"""Faster R-CNN R-101-FPN.

1x, 1333 x 800, one class for all animals (Ren et al. 2015; Lin et al. 2017).
"""
_base_ = ['../_base_/models/faster-rcnn_r101_fpn.py', '../_base_/datasets/coco.py',
          '../_base_/schedules/detect_1x.py', '../_base_/runtime/detect.py']
speed = dict(dtype='bfloat16')
