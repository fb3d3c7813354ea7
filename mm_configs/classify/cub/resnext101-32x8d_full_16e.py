"""ResNeXt-101, full images, 16 epochs.

The shorter schedule of the slides. Expected: not measured here.
"""
_base_ = './resnext101-32x8d_full.py'
_base_.train_cfg.max_epochs = 16
