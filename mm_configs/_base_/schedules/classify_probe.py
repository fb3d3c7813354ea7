"""A linear layer on vectors that are computed once: 50 epochs of AdamW with a cosine."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_interval=5)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=50, convert_to_iter_based=True)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-2, weight_decay=0.3))
auto_scale_lr = dict(enable=True, base_batch_size=256)
custom_hooks = [dict(type='FeatureCacheHook')]
