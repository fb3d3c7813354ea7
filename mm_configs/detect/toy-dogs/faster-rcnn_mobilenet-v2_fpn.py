"""Toy dogs: Faster R-CNN with MobileNetV2-FPN at 192 px, from scratch, for a CPU in minutes.

Measured: docs/benchmarks.md. Command:  make detect DATASET=toy-dogs
"""
_base_ = ['../../_base_/models/faster-rcnn_mobilenet-v2_fpn.py', '../../_base_/datasets/coco_192px.py',
          '../../_base_/schedules/detect_toy.py', '../../_base_/runtime/detect.py']
