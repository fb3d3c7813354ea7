"""A few thousand discriminator steps of 16 images, for a CPU. Two discriminator steps per generator step."""
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1600)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=4e-4, betas=(0.0, 0.999))),
    discriminator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=8e-4, betas=(0.0, 0.999))))
