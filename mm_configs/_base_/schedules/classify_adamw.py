"""Fine-tuning a transformer or ConvNeXt: 20 epochs of AdamW, 5e-5 for 64 images, two of them warm-up, then a cosine."""
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=2, end=20, T_max=18, convert_to_iter_based=True)]
optim_wrapper = dict(type='mmengine.UnhurriedOptimWrapper',
                     optimizer=dict(type='AdamW', lr=5e-5, weight_decay=0.05, fused=True),
                     clip_grad=dict(max_norm=1.0), paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0))
auto_scale_lr = dict(enable=True, base_batch_size=64)
