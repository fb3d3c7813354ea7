"""ResNeXt-101 32x8d, 16 epochs.

The shorter schedule of the slides.
"""
_base_ = './resnext101-32x8d.py'
_base_.train_cfg.max_epochs = 16
