"""Stanford Dogs: float32 instead of bfloat16 autocast. An ablation.

Expected: the same within the spread of seeds; not measured here (docs/speed.md).
Command:  make detect DATASET=dogs RAW=... DETECT_CONFIG=mm_configs/detect/dogs/faster-rcnn_r101_fpn_fp32.py
"""
_base_ = './faster-rcnn_r101_fpn.py'
speed = dict(dtype='float32')
