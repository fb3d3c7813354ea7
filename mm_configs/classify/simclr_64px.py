"""SimCLR at 64 px.

The network of resnet18_64px, trained without labels: two views of an image are told from those of others (Chen et al.
2020, arXiv 2002.05709). A start for the rows below it, and no row of the table.
"""
_base_ = ['../_base_/datasets/crops_64px_views.py', '../_base_/runtime/default.py']
default_scope = 'mmpretrain'
pretraining = True
model = dict(
    type='SimCLR',
    data_preprocessor=dict(type='SelfSupDataPreprocessor', mean=[128.] * 3, std=[64.] * 3, to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=32, stem_channels=32, deep_stem=False, num_stages=4,
                  out_indices=(3,), style='pytorch', zero_init_residual=True),
    neck=dict(type='NonLinearNeck', in_channels=256, hid_channels=256, out_channels=128, norm_cfg=dict(type='BN1d')),
    head=dict(type='ContrastiveHead', loss=dict(type='CrossEntropyLoss'), temperature=0.1))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=100, convert_to_iter_based=True)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4))
auto_scale_lr = dict(enable=True, base_batch_size=128)
