"""Stanford Dogs: RTMDet-tiny at 640 px, from scratch: the fast alternative (Lyu et al. 2022).

Expected: not measured here. On COCO, 300 epochs, mmdet's gives 41.1 AP.
Command:  make detect DATASET=dogs RAW=... DETECT_CONFIG=mm_configs/detect/dogs/rtmdet_tiny.py
"""
_base_ = ['../../_base_/models/rtmdet_tiny.py', '../../_base_/datasets/coco_640px.py',
          '../../_base_/schedules/detect_rtmdet.py', '../../_base_/runtime/detect_full.py']
