"""BigGAN-deep at 256 px from ImageNet.

The generator from ImageNet (Brock et al. 2019), the discriminator from scratch. A class starts from the same breed in
ImageNet, by its WordNet id. Its settings are those of the weights, which pytorch-pretrained-BigGAN published. That
generator may have seen the test images of a set that was taken from ImageNet, as Stanford Dogs was.
"""
_base_ = './biggan-deep_256px.py'
load_from = 'weights://biggan_deep_256'
custom_hooks = [*_base_.custom_hooks, dict(type='ImageNetGeneratorHook')]
model = dict(generator=dict(
    base_channels=128, sn_style='torch', rgb2bgr=True, out_norm_cfg=dict(type='BN', eps=1e-4),
    blocks_cfg=dict(type='BigGANDeepGenResBlock', bn_eps=1e-4)))
