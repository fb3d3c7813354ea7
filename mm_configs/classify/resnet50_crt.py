"""ResNet-50, cRT.

A new linear layer, trained in balanced batches on the frozen features of resnet50 (Kang et al. 2020, arXiv
1910.09217).
"""
_base_ = './resnet50_probe.py'
compared_with = 'resnet50'
model = dict(backbone=dict(init_cfg=dict(checkpoint='model://resnet50')))
train_dataloader = dict(sampler=dict(_delete_=True, type='BalancedSampler'))
