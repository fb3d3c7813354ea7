"""ResNeXt-101 32x8d from scratch.

Top-1 of the 2023 slides in %: CUB 13.24, Dogs 23.72.
"""
_base_ = './resnext101-32x8d.py'
model = dict(backbone=dict(init_cfg=None))
