"""Stanford Dogs: twice the schedule, 24 epochs. An ablation.

Expected: not measured here.
Command:  make detect DATASET=dogs RAW=... DETECT_CONFIG=mm_configs/detect/dogs/faster-rcnn_r101_fpn_2x.py
"""
_base_ = './faster-rcnn_r101_fpn.py'
_base_.train_cfg.max_epochs = 24
_base_.param_scheduler[1].update(end=24, milestones=[16, 22])
