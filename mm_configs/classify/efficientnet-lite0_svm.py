"""EfficientNet-Lite0, support vector machine.

On the frozen features of efficientnet-lite0, brought to length 1, with rare classes weighted up (003, task C).
"""
_base_ = './efficientnet-lite0_crt.py'
compared_with = 'efficientnet-lite0'
model = dict(head=dict(type='SVMHead'))
train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
train_cfg = dict(_delete_=True, type='FitLoop', max_epochs=1, val_interval=1)
