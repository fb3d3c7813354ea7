"""Eight epochs of AdamW with a cosine, a third of the rate for the backbone."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=8, val_interval=1)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=8, convert_to_iter_based=True)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
                     paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.3))))
auto_scale_lr = dict(enable=True, base_batch_size=16)
