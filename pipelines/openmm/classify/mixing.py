"""Real and synthetic images in one training set, in as many steps as the real ones alone take.

An epoch is as long as that of the real images, however many synthetic ones there are: a row with them is compared
with one that was trained as long. What an epoch reads is a function of seed, epoch and index: a resumed training goes
on with the same images, whoever loads them.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import ConcatDataset
from mmpretrain.registry import DATA_SAMPLERS, DATASETS
from torch import Tensor
from torch.utils.data import Sampler

from pipelines.core.errors import InputError
from pipelines.openmm.classify.long_tail import labels


@DATASETS.register_module(force=True)
class WithSynthetic(ConcatDataset):
    """A list of real images and one of synthetic images, or its beginning (it goes through the classes in turn).

    Args:
        real: dataset config.
        synthetic: dataset config.
        ratio: synthetic images per real one; None: all there are.
        softened: share of a synthetic image's label that stays on its class, the rest spread evenly over the others;
            None: labels as they are.
    Raises:
        InputError: the list of synthetic images is too short for the ratio.
    """

    def __init__(self, real: dict, synthetic: dict, ratio: float | None = None, softened: float | None = None,
                 **kwargs: Any) -> None:
        wanted = None if ratio is None else round(ratio * len(DATASETS.build(real)))
        # As configs: mmengine refuses wrappers otherwise. Only crop's lists have categories.
        super().__init__([real, synthetic if wanted is None else dict(synthetic, indices=wanted)],
                         ignore_keys='categories', **kwargs)
        self.softened = softened
        drawn = self.datasets[1]
        if wanted is not None and len(drawn) < wanted:
            raise InputError(drawn.ann_file, expected=f'{wanted} images, {ratio} for each real one',
                             found=str(len(drawn)),
                             remedy='draw more (make synth IMAGES_PER_CLASS=...) or fewer with -xNN behind the @')

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample: dict[str, Any] = super().__getitem__(index)
        if self.softened is not None:
            sample['data_samples'].set_gt_score(self.score(index, int(sample['data_samples'].gt_label)))
        return sample

    def score(self, index: int, label: int) -> Tensor | None:
        """(C,): the label of an image as shares of the classes; None where labels are as they are."""
        if self.softened is None:
            return None
        classes, certain = len(self.metainfo['classes']), self.softened if index >= len(self.datasets[0]) else 1.0
        shares = torch.full((classes,), (1 - certain) / max(classes - 1, 1))
        shares[label] = certain
        return shares


class _AsLongAsReal(Sampler):
    """Indices of a `WithSynthetic`, as many as a recipe's own sampler gives of its real images.

    Args:
        dataset: the `WithSynthetic`.
        sampler: the recipe's own: config.
        seed: of it.
    """

    def __init__(self, dataset: WithSynthetic, sampler: dict, seed: int | None = None) -> None:
        self.dataset, self.config, self.seed, self.epoch = dataset, sampler, seed, 0
        self.real = self._sampler(dataset.datasets[0])

    def _sampler(self, dataset: Any) -> Any:
        return DATA_SAMPLERS.build(dict(self.config), default_args=dict(dataset=dataset, seed=self.seed))

    def __len__(self) -> int:
        return len(self.real)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        _tell(self.real, epoch)


def _tell(sampler: Any, epoch: int) -> None:
    if hasattr(sampler, 'set_epoch'):
        sampler.set_epoch(epoch)


@DATA_SAMPLERS.register_module(force=True)
class PooledSampler(_AsLongAsReal):
    """Real and synthetic images as one pool: passes through it follow each other, an epoch is a piece of them.

    With as many synthetic images as real ones, two epochs show each image once.
    """

    def __init__(self, dataset: WithSynthetic, sampler: dict, seed: int | None = None) -> None:
        super().__init__(dataset, sampler, seed)
        self.pool = self._sampler(dataset)

    def __iter__(self) -> Iterator[int]:
        start, order, current = self.epoch * len(self), [], -1
        for position in range(start, start + len(self)):
            turn, place = divmod(position, len(self.pool))
            if turn != current:
                _tell(self.pool, turn)
                order, current = list(self.pool), turn
            yield order[place]


@DATA_SAMPLERS.register_module(force=True)
class ReplacingSampler(_AsLongAsReal):
    """A real image gives way to a synthetic one of its class with probability p.

    Args:
        p: the probability.
    Raises:
        InputError: a class without a synthetic image.
    Source: the probability of Michaeli and Fried 2024, SaSPA (arXiv 2406.14551), and of Wang et al. 2024, Diff-Mix
        (arXiv 2403.19600), whose softened labels `WithSynthetic` gives.
    """

    def __init__(self, dataset: WithSynthetic, sampler: dict, p: float, seed: int | None = None) -> None:
        super().__init__(dataset, sampler, seed)
        self.p, (real, synthetic) = p, dataset.datasets
        self.labels = labels(real)
        self.by_class: dict[int, list[int]] = {label: [] for label in self.labels}
        for index, label in enumerate(labels(synthetic), len(real)):
            self.by_class.setdefault(label, []).append(index)
        if missing := [label for label, found in self.by_class.items() if not found]:
            raise InputError(synthetic.ann_file, expected='a synthetic image of each class', found='none of '
                             + ', '.join(dataset.metainfo['classes'][label] for label in missing[:3]),
                             remedy='draw some: make synth IMAGES_PER_CLASS=...')

    def __iter__(self) -> Iterator[int]:
        return (self.replaced(int(index)) for index in self.real)

    def replaced(self, index: int) -> int:
        """What is read in the place of a real image: itself, or a synthetic one."""
        rng = np.random.default_rng([self.real.seed or 0, self.epoch, index])
        if rng.random() >= self.p:
            return index
        others = self.by_class[self.labels[index]]
        return others[int(rng.integers(len(others)))]
