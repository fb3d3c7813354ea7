"""EfficientNet-Lite0, constant rate.

Without the schedule.
"""
_base_ = './efficientnet-lite0.py'
param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1., by_epoch=True)
