"""100,000 steps of 64 images; the rate rises for 2,000 of them, then falls to zero along a cosine."""
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100_000)
optim_wrapper = dict(type='mmengine.UnhurriedOptimWrapper', clip_grad=dict(max_norm=1.0),
                     optimizer=dict(type='AdamW', lr=3e-4, betas=(0.9, 0.99), weight_decay=0.01, fused=True))
auto_scale_lr = dict(enable=True, base_batch_size=64)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=2000),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=2000, end=100_000, T_max=98_000)]
