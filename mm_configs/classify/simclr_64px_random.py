"""Random features at 64 px, linear probe.

What simclr_64px_probe would reach had the pretraining taught nothing.
"""
_base_ = './simclr_64px_probe.py'
compared_with = 'resnet18_64px'
model = dict(backbone=dict(init_cfg=None))
