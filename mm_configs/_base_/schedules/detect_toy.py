"""Fourteen epochs of AdamW with a cosine, from scratch."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=14, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=14, T_max=14, eta_min=1e-6, convert_to_iter_based=True)]
optim_wrapper = dict(type='mmengine.UnhurriedOptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
                     clip_grad=dict(max_norm=10))
auto_scale_lr = dict(enable=True, base_batch_size=4)
