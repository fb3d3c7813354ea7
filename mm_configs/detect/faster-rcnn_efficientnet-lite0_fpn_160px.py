"""Faster R-CNN with EfficientNet-Lite0-FPN at 160 px, 3 epochs.

For the drawn sets: a minute or two on a CPU; bfloat16 where the CPU has it. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/models/faster-rcnn_efficientnet-lite0_fpn.py', '../_base_/datasets/coco_160px.py',
          '../_base_/schedules/detect_laptop.py', '../_base_/runtime/detect.py']
train_cfg = dict(max_epochs=3)
param_scheduler = [dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=3, T_max=3, eta_min=1e-6,
                        convert_to_iter_based=True)]
speed = dict(dtype='auto')
