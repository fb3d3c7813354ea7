"""Faster R-CNN with MobileNetV2-FPN at 320 px.

For a CPU; the backbone from ImageNet weights. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/faster-rcnn_mobilenet-v2_fpn_imagenet.py', '../_base_/datasets/coco_320px.py',
          '../_base_/schedules/detect_laptop.py', '../_base_/runtime/detect.py']
