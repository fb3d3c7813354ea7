"""ResNet-50, oversampling.

Every class equally often in training, for a long tail of images (@full-lt50).
"""
_base_ = './resnet50.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='BalancedSampler'))
