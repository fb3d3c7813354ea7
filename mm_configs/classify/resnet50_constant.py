"""ResNet-50, constant rate.

Without the schedule: one of the slides' tricks less.
"""
_base_ = './resnet50.py'
param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1., by_epoch=True)
