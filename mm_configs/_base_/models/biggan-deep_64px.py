"""BigGAN-deep (Brock et al. 2019, arXiv 1809.11096) at 64 px, narrow and shallow enough for two CPU cores.

Against mmagic's default layout for 64 px: 16 base channels instead of 96, one block per resolution instead of two, and
self-attention at 16 px instead of 64, where it costs four fifths of a CPU step.
"""
model = dict(
    type='BigGAN',  # hinge loss; the data preprocessor's images are BGR in [-1, 1]
    data_preprocessor=dict(type='DataPreprocessor'),
    generator=dict(
        type='BigGANDeepGenerator', output_scale=64, noise_size=64, shared_dim=64, block_depth=1,
        arch_cfg=dict(in_channels=[256, 256, 128, 64], out_channels=[256, 128, 64, 32], upsample=[True] * 4,
                      resolution=[8, 16, 32, 64], attention=[False, True, False, False])),
    discriminator=dict(type='DiffAugmentBigGANDeepDiscriminator', input_scale=64, base_channels=16, block_depth=1),
    discriminator_steps=2,
    ema_config=dict(type='ExponentialMovingAverage', momentum=0.02, start_iter=100))
sampling = dict(type='Gan', dtype='float32')
