"""Twelve epochs of AdamW with a cosine, from scratch."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=2)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=True, T_max=12, convert_to_iter_based=True)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05))
auto_scale_lr = dict(enable=True, base_batch_size=16)
