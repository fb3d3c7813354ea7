"""Faster R-CNN with EfficientNet-Lite0-FPN at 320 px.

For a CPU; the backbone from ImageNet weights that set-up installs.
"""
_base_ = ['../_base_/models/faster-rcnn_efficientnet-lite0_fpn.py', '../_base_/datasets/coco_320px.py',
          '../_base_/schedules/detect_laptop.py', '../_base_/runtime/detect.py']
