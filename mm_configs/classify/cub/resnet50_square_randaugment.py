"""Square crops, RandAugment.

Two random operations per image more (Cubuk et al. 2020, arXiv 1909.13719). Expected: not measured here.
"""
_base_ = './resnet50_square.py'
compared_with = 'resnet50_square'
_base_.train_dataloader.dataset.pipeline[3:3] = [
    dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=9)]
