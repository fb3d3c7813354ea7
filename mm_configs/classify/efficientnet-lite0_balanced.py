"""EfficientNet-Lite0, oversampling.

Every class equally often in training, for a long tail of images (@full-lt50).
"""
_base_ = './efficientnet-lite0.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='BalancedSampler'))
