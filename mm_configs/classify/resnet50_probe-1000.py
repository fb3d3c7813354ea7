"""ResNet-50, frozen, on top of its 1,000 classes.

A new linear layer takes the logits of ImageNet's classifier, which is frozen, too.
"""
_base_ = './resnet50_probe.py'
model = dict(
    frozen=('backbone', 'neck', 'head.layers.0'),
    head=dict(type='StackedOnPretrainedHead', mid_channels=[1000], act_cfg=None,
              first=dict(type='Pretrained', checkpoint='weights://resnet50_imagenet1k')))
