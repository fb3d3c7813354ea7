"""Faster R-CNN R-101-FPN, float32.

Instead of bfloat16 autocast (docs/speed.md).
"""
_base_ = './faster-rcnn_r101_fpn.py'
speed = dict(dtype='float32')
