"""100,000 discriminator steps; batch 64, gradients of 4 batches summed up: 256 images per update and GPU."""
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100_000)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='mmengine.UnhurriedOptimWrapper', accumulative_counts=4, clip_grad=dict(max_norm=10),
                   optimizer=dict(type='Adam', lr=1e-4, betas=(0.0, 0.999), fused=True)),
    discriminator=dict(type='mmengine.UnhurriedOptimWrapper', accumulative_counts=4, clip_grad=dict(max_norm=10),
                       optimizer=dict(type='Adam', lr=4e-4, betas=(0.0, 0.999), fused=True)))
