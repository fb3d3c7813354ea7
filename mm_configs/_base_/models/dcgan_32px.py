"""DCGAN (Radford et al. 2016, arXiv 1511.06434) at 32 px, with classes a quarter of its channels; drawn at 64 px."""
model = dict(
    type='ClassDCGAN',
    data_preprocessor=dict(type='DataPreprocessor'),
    generator=dict(type='ClassDCGANGenerator', output_scale=32, noise_size=100, base_channels=256),
    discriminator=dict(type='ClassDCGANDiscriminator', input_scale=32, base_channels=64),
    ema_config=dict(type='ExponentialMovingAverage', momentum=0.02, start_iter=100))
sampling = dict(type='Gan', dtype='float32', enlarged=64)
