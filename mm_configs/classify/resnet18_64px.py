"""ResNet-18 at 64 px.

From scratch, with CIFAR's stem (He et al. 2016, section 4.2): for the drawn sets. Measured: docs/benchmarks.md.
"""
_base_ = ['../_base_/datasets/crops_64px.py', '../_base_/schedules/classify_toy.py', '../_base_/runtime/classify.py']
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(mean=[128.] * 3, std=[64.] * 3, to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=32, stem_channels=32, deep_stem=False, num_stages=4,
                  out_indices=(3,), style='pytorch', zero_init_residual=True),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', in_channels=256, num_classes={{'$FGIC_NUM_CLASSES:120'}}, topk=(1,),
              loss=dict(type='CrossEntropyLoss', loss_weight=1.0)))
