"""Faster R-CNN with a thin ResNet-18-FPN at 160 px.

From scratch, for the drawn sets: minutes on a CPU. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/faster-rcnn_r18_fpn.py', '../_base_/datasets/coco_160px.py',
          '../_base_/schedules/detect_toy.py', '../_base_/runtime/detect.py']
