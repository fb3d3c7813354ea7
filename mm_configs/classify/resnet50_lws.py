"""ResNet-50, LWS.

A factor for each class's logit of resnet50, trained in balanced batches (Kang et al. 2020, arXiv 1910.09217).
"""
_base_ = './resnet50_crt.py'
compared_with = 'resnet50'
model = dict(frozen=('backbone', 'neck', 'head.fc'),
             head=dict(type='ScaledHead', start=dict(checkpoint='model://resnet50', prefix='head.fc')))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.scale': dict(decay_mult=0.)}))
