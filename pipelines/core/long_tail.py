"""A long tail of training images, and how rows fare on classes with many, some and few of them.

The number of images falls exponentially from the first class to the last (Cui et al. 2019, arXiv 1901.05555, section
5.1). Val and test stay whole, so only training images are left out.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.core import crossed
from pipelines.core.statistics import ALPHA, Outcome

GROUPS = ('many', 'medium', 'few')
TAIL = 5  # times as many images in the largest class as in the smallest, from where on a tail is spoken of


def sizes(largest: int, classes: int, imbalance: float) -> list[int]:
    """Images of each class: the first has ``largest``, the last ``imbalance`` times fewer, none fewer than one."""
    falls = [imbalance ** -(index / max(classes - 1, 1)) for index in range(classes)]
    return [max(1, round(largest * share)) for share in falls]


def chosen(labels: ArrayLike, imbalance: float) -> list[int]:
    """Indices, in order, of the images that a long tail keeps.

    Which of a class are kept does not depend on anything but the list: rows and seeds share them, and a longer tail
    keeps a part of what a shorter one does.

    Args:
        labels: (N,) of train.
        imbalance: the first class has so many times as many as the last.
    """
    labels = np.asarray(labels)
    found = np.bincount(labels)
    keep = sizes(int(found.max()), len(found), imbalance)
    kept = [np.random.default_rng([0, label]).permutation(np.flatnonzero(labels == label))[:count]
            for label, count in enumerate(keep)]
    return sorted(int(index) for part in kept for index in part)


def groups(counts: Sequence[int]) -> dict[str, list[int]] | None:
    """Classes with many, some and few training images: a third of the classes each; None: there is no tail.

    ImageNet-LT's limits (100 and 20 images) say nothing of sets whose largest class has 30.

    Args:
        counts: training images by class.
    """
    if len(counts) < 3 or max(counts) < TAIL * max(min(counts), 1):
        return None
    order = sorted(range(len(counts)), key=lambda label: -counts[label])
    return {name: sorted(part.tolist()) for name, part in zip(GROUPS, np.array_split(np.array(order), 3))}


def shots(counts: Sequence[int] | None, row: Outcome, other: Outcome | None) -> dict[str, Any] | None:
    """Top-1 by how many training images a class has, and what is gained there over another row.

    Args:
        counts: training images by class.
        row: what its seeds predict.
        other: of the row that it is a change of.
    Returns:
        by group ``classes`` (how many), ``images`` [fewest, most] of a class in training, ``top1`` with ``interval``,
        and ``change``: ``value`` and ``interval`` (95 %, of this comparison alone; None with one seed), or None. None
        where there is no tail.
    """
    parts = groups(counts) if counts else None
    if parts is None or counts is None:
        return None
    found: dict[str, Any] = {}
    for name, classes in parts.items():
        inside: NDArray[np.bool_] = np.isin(row.labels, classes)
        if not inside.any():
            continue
        own = crossed.score(row.correct[:, inside])
        mean = crossed.mean(own)
        change = None
        if other is not None:
            gain = crossed.difference(own, crossed.score(other.correct[:, inside]))
            change = dict(value=gain.value, interval=list(gain.interval(ALPHA)) if gain.known else None)
        found[name] = dict(classes=len(classes), images=[min(counts[one] for one in classes),
                                                         max(counts[one] for one in classes)],
                           top1=mean.value, interval=list(mean.interval(ALPHA)), change=change)
    return found


def in_words(found: Mapping[str, Any]) -> str:
    """``many 81.0 (-0.5), medium 70.2 (+0.1), few 40.1 (+3.2 [+0.4, +6.0])``"""
    words = []
    for name, part in found.items():
        gain = part['change']
        shown = gain['interval'] if gain and name == GROUPS[-1] else None
        ends = ', '.join(f'{100 * end:+.1f}' for end in shown or ())
        more = f' ({100 * gain["value"]:+.1f}{f" [{ends}]" if ends else ""})' if gain else ''
        words.append(f'{name} {100 * part["top1"]:.1f}{more}')
    return ', '.join(words)
