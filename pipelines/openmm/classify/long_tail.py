"""Learning from a long tail: the tail itself, balanced batches, and a loss that knows how frequent classes are."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import ClassBalancedDataset, DefaultSampler
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmpretrain.registry import DATA_SAMPLERS, DATASETS, MODELS
from torch import Tensor, nn
from torch.nn import functional

from pipelines.core import long_tail
from pipelines.core.errors import InputError


def labels(dataset: Any) -> list[int]:
    """Of all images that a dataset hands out, in order."""
    return [int(dataset.get_data_info(index)['gt_label']) for index in range(len(dataset))]


@DATASETS.register_module(force=True)
class LongTailed(ClassBalancedDataset):
    """The images of a dataset that a long tail keeps (`core.long_tail.chosen`).

    Args:
        dataset: its config.
        imbalance: the first class has so many times as many images as the last.
    """

    def __init__(self, dataset: Any, imbalance: float, lazy_init: bool = False) -> None:
        self.imbalance = imbalance
        self._fully_initialized: bool = False
        super().__init__(dataset, oversample_thr=1., lazy_init=lazy_init)

    def full_init(self) -> None:
        if not self._fully_initialized:
            self.dataset.full_init()
            self.repeat_indices = long_tail.chosen(labels(self.dataset), self.imbalance)
            self._fully_initialized = True


@DATA_SAMPLERS.register_module(force=True)
class BalancedSampler(DefaultSampler):
    """Every class as often as any other in an epoch, to within one image; an epoch is as long as without it.

    mmengine's `ClassBalancedDataset` repeats the images of a class by the root of its share: it is not balanced. The
    images of a class come in turn, in an order drawn for each epoch.
    """

    def __init__(self, dataset: Any, seed: int | None = None, shuffle: bool = True) -> None:
        super().__init__(dataset, shuffle=shuffle, seed=seed)
        by_class = np.asarray(labels(dataset))
        self.members = [torch.from_numpy(np.flatnonzero(by_class == label)) for label in np.unique(by_class)]

    def __iter__(self) -> Iterator[int]:
        drawn = torch.Generator().manual_seed(self.seed + self.epoch)
        each, more = divmod(self.total_size, len(self.members))
        extra = set(torch.randperm(len(self.members), generator=drawn)[:more].tolist())
        found = []
        for number, members in enumerate(self.members):
            count = each + (number in extra)
            rounds = [members[torch.randperm(len(members), generator=drawn)] for _ in range(-(-count // len(members)))]
            found.append(torch.cat(rounds)[:count] if rounds else members[:0])
        order = torch.cat(found)
        order = order[torch.randperm(len(order), generator=drawn)]
        return iter(order[self.rank:self.total_size:self.world_size].tolist())


@MODELS.register_module(force=True)
class LogitAdjustedLoss(nn.Module):
    """Cross-entropy of logits plus ``tau`` times the logarithm of each class's share of the training images.

    Predictions use the logits as they are: these are for classes that are equally frequent. `ClassCountsHook` tells the
    loss the shares, which are saved with the weights.

    Args:
        num_classes: of the data.
        tau: 1 is Fisher-consistent for the balanced error.
    Source: Menon et al. 2021, Long-tail learning via logit adjustment (arXiv 2007.07314), equation 10.
    """

    def __init__(self, num_classes: int, tau: float = 1., loss_weight: float = 1.) -> None:
        super().__init__()
        self.tau, self.loss_weight = tau, loss_weight
        self.register_buffer('log_share', torch.full((num_classes,), float('nan')))

    def set_counts(self, counts: Sequence[int]) -> None:
        """Args:
            counts: training images by class; a class without any counts as one.
        """
        share = torch.tensor(counts, dtype=torch.float64).clamp_min(1)
        self.log_share.copy_((share / share.sum()).log())

    def forward(self, cls_score: Tensor, label: Tensor, weight: Tensor | None = None, avg_factor: int | None = None,
                **kwargs: Any) -> Tensor:
        """(N, C) logits and (N,) labels -> the mean."""
        if self.log_share.isnan().any():
            raise InputError('LogitAdjustedLoss', expected='the class counts of train', found='none',
                             remedy="add custom_hooks = [dict(type='ClassCountsHook')] to the config")
        losses = functional.cross_entropy(cls_score + self.tau * self.log_share, label, reduction='none')
        if weight is not None:
            losses = losses * weight
        return self.loss_weight * losses.sum() / (avg_factor or len(losses))


@HOOKS.register_module(force=True)
class ClassCountsHook(Hook):
    """Tell every loss that asks for it (``set_counts``) how many training images each class has."""

    def before_train(self, runner: Any) -> None:
        dataset = runner.train_dataloader.dataset
        counts = np.bincount(labels(dataset), minlength=len(dataset.metainfo['classes'])).tolist()
        for module in getattr(runner.model, 'module', runner.model).modules():
            if hasattr(module, 'set_counts'):
                module.set_counts(counts)
