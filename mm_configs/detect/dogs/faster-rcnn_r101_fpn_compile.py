"""Stanford Dogs: torch.compile of the backbone. An ablation.

Expected: the same; not measured here (docs/speed.md). It needs a C compiler.
Command:  make detect DATASET=dogs RAW=... DETECT_CONFIG=mm_configs/detect/dogs/faster-rcnn_r101_fpn_compile.py
"""
_base_ = './faster-rcnn_r101_fpn.py'
speed = dict(compile=['backbone'])
