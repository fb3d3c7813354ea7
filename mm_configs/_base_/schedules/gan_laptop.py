"""2,400 discriminator steps, 1,200 generator steps: about 6 minutes on one CPU core with batches of 8 at 64 px."""
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2400)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, betas=(0.0, 0.999))),
    discriminator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, betas=(0.0, 0.999))))
