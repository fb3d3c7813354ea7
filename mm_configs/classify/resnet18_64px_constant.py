"""ResNet-18 at 64 px, constant rate.

Without the schedule.
"""
_base_ = './resnet18_64px.py'
param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1., by_epoch=True)
