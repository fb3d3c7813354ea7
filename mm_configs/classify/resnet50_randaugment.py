"""ResNet-50, RandAugment.

Two random operations per image more (Cubuk et al. 2020, arXiv 1909.13719).
"""
_base_ = './resnet50.py'
_base_.train_dataloader.dataset.pipeline[3:3] = [
    dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=9)]
