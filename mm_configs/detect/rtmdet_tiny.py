"""RTMDet-tiny at 640 px.

From scratch: the fast alternative (Lyu et al. 2022). On COCO, 300 epochs, mmdet's gives 41.1 AP.
"""
_base_ = ['../_base_/models/rtmdet_tiny.py', '../_base_/datasets/coco_640px.py',
          '../_base_/schedules/detect_rtmdet.py', '../_base_/runtime/detect.py']
speed = dict(dtype='bfloat16')
