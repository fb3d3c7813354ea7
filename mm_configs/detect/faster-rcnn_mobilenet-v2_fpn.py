"""Faster R-CNN with MobileNetV2-FPN at 320 px.

For a CPU; the backbone from ImageNet weights, whose batch norm statistics stay as they are. Measured:
docs/benchmarks.md.
"""
_base_ = ['../_base_/models/faster-rcnn_mobilenet-v2_fpn.py', '../_base_/datasets/coco_320px.py',
          '../_base_/schedules/detect_laptop.py', '../_base_/runtime/detect.py']
model = dict(backbone=dict(norm_eval=True, init_cfg=dict(
    type='Pretrained', checkpoint='weights://mobilenet_v2_imagenet1k', prefix='backbone')))
