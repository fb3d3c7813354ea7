"""EfficientNet-Lite0, cRT.

A new linear layer, trained in balanced batches on the frozen features of efficientnet-lite0 (Kang et al. 2020, arXiv
1910.09217).
"""
_base_ = './efficientnet-lite0_probe.py'
compared_with = 'efficientnet-lite0'
model = dict(backbone=dict(init_cfg=dict(checkpoint='model://efficientnet-lite0')))
train_dataloader = dict(sampler=dict(_delete_=True, type='BalancedSampler'))
