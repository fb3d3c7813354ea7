"""A small classifier, for tests that build networks."""
from __future__ import annotations

from typing import Any

import torch
from mmpretrain.structures import DataSample

from pipelines.openmm.compat import scope

CLASSES = 5


def config(kind: str = 'ImageClassifier', **more: Any) -> dict[str, Any]:
    """ResNet-18 with 16 to 128 channels."""
    return dict(
        type=kind, data_preprocessor=dict(mean=[128.] * 3, std=[64.] * 3, to_rgb=True),
        backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, num_stages=4, out_indices=(3,),
                      style='pytorch'),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', in_channels=128, num_classes=CLASSES, topk=(1,)), **more)


def network(kind: str = 'ImageClassifier', seed: int = 0, **more: Any) -> Any:
    scope.enter('mmpretrain')
    from mmengine.registry import MODELS
    torch.manual_seed(seed)
    return MODELS.build(config(kind, **more))


def batch(count: int = 6, side: int = 64) -> tuple[torch.Tensor, list[DataSample]]:
    """Normalised images (N, 3, H, W) and what they are."""
    source = torch.Generator().manual_seed(1)
    labels = torch.randint(0, CLASSES, (count,), generator=source)
    return (torch.randn(count, 3, side, side, generator=source),
            [DataSample().set_gt_label(int(label)) for label in labels])
