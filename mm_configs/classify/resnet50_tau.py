"""ResNet-50, tau-normalised.

Logits of resnet50, divided by the norm of their weights to a power that val chooses (Kang et al. 2020,
arXiv 1910.09217).
"""
_base_ = './resnet50_crt.py'
compared_with = 'resnet50'
model = dict(head=dict(type='TauNormalisedHead', start=dict(checkpoint='model://resnet50', prefix='head.fc')))
train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
train_cfg = dict(_delete_=True, type='FitLoop', max_epochs=1, val_interval=1)
