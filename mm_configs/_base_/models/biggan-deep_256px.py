"""BigGAN-deep (Brock et al. 2019, arXiv 1809.11096) at 256 px in mmagic's layout, 96 base channels.

mmagic released no discriminator weights and has no orthogonal regularisation: training starts from scratch without it.
DiffAugment (Zhao et al. 2020, arXiv 2006.10738) stands between 60 images per class and collapse.
"""
model = dict(
    type='BigGAN',  # hinge loss; the data preprocessor's images are BGR in [-1, 1]
    data_preprocessor=dict(type='DataPreprocessor'),
    generator=dict(type='BigGANDeepGenerator', output_scale=256, noise_size=128, shared_dim=128, base_channels=96),
    discriminator=dict(type='DiffAugmentBigGANDeepDiscriminator', input_scale=256, base_channels=96),
    discriminator_steps=2,
    ema_config=dict(type='ExponentialMovingAverage', momentum=0.0002, start_iter=2000))
sampling = dict(type='Gan', dtype='bfloat16')
