"""Faster R-CNN R-101-FPN, torch.compile.

Of the backbone; it needs a C compiler (docs/speed.md).
"""
_base_ = './faster-rcnn_r101_fpn.py'
speed = dict(compile=['backbone'])
