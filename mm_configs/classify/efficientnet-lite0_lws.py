"""EfficientNet-Lite0, LWS.

A factor for each class's logit of efficientnet-lite0, trained in balanced batches (Kang et al. 2020, arXiv 1910.09217).
"""
_base_ = './efficientnet-lite0_crt.py'
compared_with = 'efficientnet-lite0'
model = dict(frozen=('backbone', 'neck', 'head.fc'),
             head=dict(type='ScaledHead', start=dict(checkpoint='model://efficientnet-lite0', prefix='head.fc')))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.scale': dict(decay_mult=0.)}))
