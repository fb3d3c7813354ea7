"""Reading out what a network has learnt without labels: a probe with batch norm, of few labels or all."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.registry import DATA_SAMPLERS, MODELS
from torch import Tensor, nn

from pipelines.openmm.classify.long_tail import labels


@MODELS.register_module(force=True)
class NormalisedLinearHead(LinearClsHead):
    """Batch norm without a scale of its own, then a linear layer.

    Channels of a contrastive network differ in size by orders, and a linear layer alone hardly learns (mmselfsup#11).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.norm = nn.BatchNorm1d(self.in_channels, affine=False, eps=1e-6)

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        """(N, C)."""
        return self.norm(super().pre_logits(feats))


@DATA_SAMPLERS.register_module(force=True)
class FewLabelsSampler(DefaultSampler):
    """The same few images of each class in every epoch; another seed takes others.

    Args:
        per_class: images; all there are, where these are fewer.
    """

    def __init__(self, dataset: Any, per_class: int, seed: int | None = None, shuffle: bool = True) -> None:
        super().__init__(dataset, shuffle=shuffle, seed=seed)
        by_class = np.asarray(labels(dataset))
        drawn = np.random.default_rng(self.seed)
        self.kept = np.concatenate([drawn.permutation(np.flatnonzero(by_class == label))[:per_class]
                                    for label in np.unique(by_class)])
        self.num_samples = -(-len(self.kept) // self.world_size)
        self.total_size = self.num_samples * self.world_size

    def __iter__(self) -> Iterator[int]:
        drawn = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(len(self.kept), generator=drawn).tolist() if self.shuffle else range(len(self.kept))
        found = [int(self.kept[index]) for index in order]
        found = (found * -(-self.total_size // len(found)))[:self.total_size]
        return iter(found[self.rank:self.total_size:self.world_size])
