"""EfficientNet-b5, frozen, on top of its 1,000 classes.

A new linear layer takes the logits of ImageNet's classifier, which is frozen, too.
"""
_base_ = './efficientnet-b5_probe.py'
model = dict(
    frozen=('backbone', 'neck', 'head.layers.0'),
    head=dict(type='StackedOnPretrainedHead', mid_channels=[1000], act_cfg=None,
              first=dict(type='Pretrained', checkpoint='weights://efficientnet_b5_imagenet1k', prefix='head')))
