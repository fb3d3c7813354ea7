"""Faster R-CNN R-101-FPN, computed image by image.

With mmdet's own classes: the same network, losses and boxes, with more operators and waiting (docs/speed.md).
"""
_base_ = './faster-rcnn_r101_fpn.py'
model = dict(
    type='FasterRCNN',
    rpn_head=dict(type='RPNHead'),
    roi_head=dict(type='StandardRoIHead', bbox_roi_extractor=dict(type='SingleRoIExtractor')))
