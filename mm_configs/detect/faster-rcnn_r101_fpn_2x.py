"""Faster R-CNN R-101-FPN, 24 epochs.

Twice the schedule.
"""
_base_ = './faster-rcnn_r101_fpn.py'
_base_.train_cfg.max_epochs = 24
_base_.param_scheduler[1].update(end=24, milestones=[16, 22])
