"""ResNet-50, support vector machine.

On the frozen features of resnet50, brought to length 1, with rare classes weighted up (003, task C).
"""
_base_ = './resnet50_crt.py'
compared_with = 'resnet50'
model = dict(head=dict(type='SVMHead'))
train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
train_cfg = dict(_delete_=True, type='FitLoop', max_epochs=1, val_interval=1)
