"""A few epochs of AdamW with a cosine, a tenth of the rate for the backbone: for a few hundred images on a CPU."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=4, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=4, T_max=4, eta_min=1e-6, convert_to_iter_based=True)]
optim_wrapper = dict(type='mmengine.UnhurriedOptimWrapper', optimizer=dict(type='AdamW', lr=4e-4, weight_decay=0.01),
                     paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))), clip_grad=dict(max_norm=10))
auto_scale_lr = dict(enable=True, base_batch_size=4)
