"""A tiny network of every family of recipes, with drawn weights, as functions of pixels in [0, 1]."""
from __future__ import annotations

import functools

import torch
from mmengine.registry import MODELS, DefaultScope

from pipelines.openmm.attacks import Pixels
from pipelines.openmm.compat import scope

CLASSES = 5
_POOLED = dict(type='GlobalAveragePooling')


def _linear(channels: int) -> dict:
    return dict(type='LinearClsHead', in_channels=channels, num_classes=CLASSES, loss=dict(type='CrossEntropyLoss'))


FAMILIES = dict(
    cnn=dict(backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8), neck=_POOLED, head=_linear(64)),
    vit=dict(backbone=dict(type='VisionTransformer', img_size=64, patch_size=16, arch=dict(
        embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64)), neck=None, head=dict(
            type='VisionTransformerClsHead', in_channels=32, num_classes=CLASSES)),
    swin=dict(backbone=dict(type='SwinTransformer', img_size=64, window_size=4, arch=dict(
        embed_dims=16, depths=[1, 1, 1], num_heads=[2, 2, 2]), out_indices=(2,)), neck=_POOLED, head=_linear(64)),
    convnext=dict(backbone=dict(type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])), neck=None,
                  head=_linear(32)),
    timm=dict(backbone=dict(type='TIMMBackbone', model_name='test_resnet'), neck=_POOLED, head=_linear(96)),
    timm_vit=dict(type='TimmClassifier', model_name='test_vit', num_classes=CLASSES, img_size=64))


@functools.cache
def network(family: str):
    """In evaluation mode, with weights that its layers' own initialisation drew."""
    scope.enter('mmpretrain')
    torch.manual_seed(3)
    config = dict(dict(type='ImageClassifier'), **FAMILIES[family], data_preprocessor=dict(
        mean=[120., 110., 100.], std=[60., 61., 62.], to_rgb=True))
    if config['type'] == 'TimmClassifier':
        config.pop('neck', None)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        made = MODELS.build(config)
    with torch.no_grad():  # far from the start, where many families give nothing
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def logits(family: str):
    return Pixels(network(family)).logits


@functools.cache
def pixels(count: int = 3) -> torch.Tensor:
    """Smooth pictures of 64 x 64."""
    small = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(small, 64, mode='bicubic').clamp(0, 1)
