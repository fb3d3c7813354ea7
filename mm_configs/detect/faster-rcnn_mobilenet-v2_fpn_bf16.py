"""Faster R-CNN with MobileNetV2-FPN, bfloat16.

Autocast instead of float32, for CPUs that have bfloat16 (docs/speed.md).
"""
_base_ = './faster-rcnn_mobilenet-v2_fpn.py'
speed = dict(dtype='bfloat16')
