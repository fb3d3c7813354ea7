"""Ablation: BigGAN-deep at 128 px, the generator from ImageNet (Brock et al. 2019), the discriminator from scratch.

A class starts from the mean of the bird classes of ImageNet. Its settings are those of the weights, which
pytorch-pretrained-BigGAN published. Expected: not measured here.
Command:  make synth DATASET=cub RAW=... SYNTH_CONFIG=mm_configs/synth/cub/biggan-deep_128px_imagenet.py
"""
_base_ = './biggan-deep_128px.py'
load_from = 'weights://biggan_deep_128'
custom_hooks = [*_base_.custom_hooks, dict(type='ImageNetGeneratorHook')]
model = dict(generator=dict(
    base_channels=128, sn_style='torch', rgb2bgr=True, out_norm_cfg=dict(type='BN', eps=1e-4),
    blocks_cfg=dict(type='BigGANDeepGenResBlock', bn_eps=1e-4)))
