"""2,400 steps; the rate rises for 100 of them, then falls to zero along a cosine."""
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2400)
optim_wrapper = dict(type='mmengine.UnhurriedOptimWrapper', clip_grad=dict(max_norm=1.0),
                     optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True))
auto_scale_lr = dict(enable=True, base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=2400, T_max=2300)]
