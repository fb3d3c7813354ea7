"""SimCLR at 64 px, linear probe.

Batch norm and a linear layer on the frozen features of simclr_64px, with all labels. The report (3.8) has 41.42 on CUB
and 57.11 on Dogs, from another network.
"""
_base_ = ['../_base_/datasets/crops_64px_plain.py', '../_base_/schedules/classify_probe.py',
          '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
compared_with = 'simclr_64px_random'
model = dict(
    type='FrozenClassifier',
    data_preprocessor=dict(mean=[128.] * 3, std=[64.] * 3, to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=32, stem_channels=32, deep_stem=False, num_stages=4,
                  out_indices=(3,), style='pytorch', zero_init_residual=True,
                  init_cfg=dict(type='Pretrained', checkpoint='model://simclr_64px', prefix='backbone')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='NormalisedLinearHead', in_channels=256, num_classes={{'$FGIC_NUM_CLASSES:120'}},
              loss=dict(type='CrossEntropyLoss')))
