"""Which labels look wrong, which classes are confused, which images are hard: by models that did not see the images.

Source: Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels", section 3.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Judged(NamedTuple):
    """N images, judged.

    Args:
        given: (N,) their labels.
        suggested: (N,) the best other class.
        p_given, p_suggested: (N,) probabilities of both.
        flagged: (N,) confident learning says that the label is wrong.
        entropy: (N,) of the scores, in [0, 1]: 1 where all classes are equally likely.
    """
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]
    p_given: NDArray[np.float64]
    p_suggested: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    entropy: NDArray[np.float64]

    @property
    def suspicion(self) -> NDArray[np.float64]:
        """(N,) in [-1, 1]: how much likelier the best other class is than the given one."""
        return self.p_suggested - self.p_given

    def suspects(self) -> NDArray[np.int64]:
        """All positions, the most suspect label first."""
        return np.argsort(-self.suspicion, kind='stable')

    def hardest(self) -> NDArray[np.int64]:
        """Positions whose label is not suspect, those first of which the models are least sure."""
        order = np.argsort(-self.entropy, kind='stable')
        return order[~self.flagged[order]]


def judge(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> Judged:
    """Judge labels by scores.

    Args:
        labels: (N,) given, 0-based.
        scores: (N, C) probabilities, C at least 2, of models that did not see the image.
    """
    rows = np.arange(len(labels))
    others = scores.copy()
    others[rows, labels] = -np.inf
    suggested = others.argmax(axis=1)
    return Judged(labels, suggested, scores[rows, labels], scores[rows, suggested],
                  _confidently_other(labels, scores), entropy(scores))


def entropy(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...,) entropy of (..., C) probabilities, as a share of the largest there can be."""
    safe = np.clip(scores, np.finfo(float).tiny, None)
    found: NDArray[np.float64] = -(scores * np.log(safe)).sum(axis=-1) / np.log(scores.shape[-1])
    return found


def _confidently_other(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether an image belongs to another class: of the classes whose score is at least the mean that images of
    this label have, the likeliest is not the given one."""
    held = np.zeros(scores.shape[1])
    np.add.at(held, labels, scores[np.arange(len(labels)), labels])
    counts = np.bincount(labels, minlength=scores.shape[1])
    thresholds = np.where(counts > 0, held / np.maximum(counts, 1), np.inf)
    reached = np.where(scores >= thresholds, scores, -np.inf)
    found: NDArray[np.bool_] = np.isfinite(reached.max(axis=1)) & (reached.argmax(axis=1) != labels)
    return found


class Pair(NamedTuple):
    """Two classes that are taken for each other.

    Args:
        first, second: labels; more images of the first are taken for the second than the other way round.
        there, back: how many images.
        share: of the images of both.
    """
    first: int
    second: int
    there: int
    back: int
    share: float


def pairs(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> list[Pair]:
    """Pairs of classes that are confused at all, most images first."""
    count = scores.shape[1]
    table = np.zeros((count, count), int)
    np.add.at(table, (labels, scores.argmax(axis=1)), 1)
    found = []
    for i, j in zip(*np.nonzero(np.triu(table + table.T, 1))):
        first, second = (i, j) if table[i, j] >= table[j, i] else (j, i)
        found.append(Pair(int(first), int(second), int(table[first, second]), int(table[second, first]),
                          float((table[i, j] + table[j, i]) / max(table[[i, j]].sum(), 1))))
    return sorted(found, key=lambda pair: (-pair.there - pair.back, pair.first, pair.second))


def nearest(features: NDArray[np.float32], others: NDArray[np.float32], labels: NDArray[np.int64],
            wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each image, the nearest other one of a class.

    Args:
        features: (N, D) at unit length.
        others: (M, D) at unit length, of other images.
        labels: (M,) of these.
        wanted: (N,) the class to look in.
    Returns:
        (N,) positions in ``others``; -1 where that has no image of the class.
    """
    found = np.full(len(features), -1)
    for label in np.unique(wanted):
        rows, places = np.flatnonzero(wanted == label), np.flatnonzero(labels == label)
        if len(places):
            found[rows] = places[(features[rows] @ others[places].T).argmax(axis=1)]
    return found
