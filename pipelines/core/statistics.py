"""What the predictions of several seeds say, and how surely (docs/statistics.md).

Every number is a mean over seeds and over images; interval, p and verdict are of that mean, and hold over other seeds
and other images (`pipelines.core.crossed`). Scores of whole lists (macro F1, balanced accuracy) enter by what each
image adds to them: their infinitesimal jackknife (Jaeckel, "The infinitesimal jackknife", Bell Laboratories 1972).

Labels and predictions are 0-based class indices, scores are softmax, shares are in [0, 1].
"""
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.core import crossed

ALPHA = 0.05
ONE_SEED, UNSURE = 'one seed: no verdict', 'no gain shown'
VERDICTS = ('better', 'worse', UNSURE, ONE_SEED)
FEWEST_SEEDS = 3  # that are advised: the spread of two is hardly known


@dataclass(frozen=True)
class Outcome:
    """What the seeds of a row make of every image, seeds that predict the same counted once.

    Args:
        predictions: (S, N).
        top5: share of images whose label is among the five best, mean over seeds.
        classes: how many.
    """
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    top5: float
    classes: int

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(S, N)."""
        return np.asarray(self.predictions == self.labels)

    @property
    def seeds(self) -> int:
        return len(self.predictions)


def outcome(labels: ArrayLike, scores: Sequence[ArrayLike]) -> Outcome:
    """Args:
        labels: (N,).
        scores: (S, N, C) softmax, by seed; read one after the other.
    """
    labels = np.asarray(labels)
    predictions, top5, classes = {}, {}, 0
    for one in scores:
        one = np.ascontiguousarray(one, float)
        digest, classes = hashlib.sha256(one.data).digest(), one.shape[-1]
        if digest not in predictions:
            predictions[digest], top5[digest] = one.argmax(axis=-1), top_k(labels, one, 5).mean()
    return Outcome(labels, np.array(list(predictions.values())), float(np.mean(list(top5.values()))), classes)


def top_k(labels: ArrayLike, scores: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Whether the label is among the k best-scoring classes; of equal scores the first class ranks first.

    Args:
        labels: (N,).
        scores: (..., N, C).
    Returns:
        (..., N) bool.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    own = np.take_along_axis(scores, np.broadcast_to(labels[:, None], (*scores.shape[:-1], 1)), axis=-1)
    earlier = np.arange(scores.shape[-1]) < labels[:, None]
    found: NDArray[np.bool_] = ((scores > own) | ((scores == own) & earlier)).sum(axis=-1) < k
    return found


def balanced_accuracy(labels: ArrayLike, predictions: ArrayLike) -> NDArray[np.float64]:
    """What each image adds to the mean over classes of the share that is right.

    Args:
        labels: (N,).
        predictions: (S, N).
    Returns:
        (S, N) whose mean over images is each seed's balanced accuracy, over the classes that have images.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    support = np.bincount(labels)
    weight = len(labels) / (np.count_nonzero(support) * support[labels])
    correct = predictions == labels
    recall = np.stack([np.bincount(labels, row, len(support)) / np.maximum(support, 1) for row in correct])
    added: NDArray[np.float64] = weight * (correct - recall[:, labels]) + (correct * weight).mean(axis=1, keepdims=True)
    return added


def macro_f1(labels: ArrayLike, predictions: ArrayLike, classes: int) -> NDArray[np.float64]:
    """What each image adds to F1 averaged over the classes that have images.

    An image taken for a class without images is an error of its own class; that class has no F1.

    Args:
        labels: (N,).
        predictions: (S, N).
        classes: C.
    Returns:
        (S, N) whose mean over images is each seed's macro F1.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    support = np.bincount(labels, minlength=classes)
    counted, added = support > 0, np.empty(predictions.shape)
    for row, values in zip(predictions, added):
        right = row == labels
        size = support + np.bincount(row, minlength=classes)
        f1 = 2 * np.bincount(labels, right, classes) / np.maximum(size, 1)
        share = np.where(counted, 1 / np.maximum(size, 1), 0)
        gained = 2 * right * share[labels] - f1[labels] * share[labels] - f1[row] * share[row]
        values[:] = (len(labels) * gained + f1[counted].sum()) / counted.sum()
    return added


def holm_factors(p: ArrayLike, family: int = 0) -> NDArray[np.float64]:
    """(M,) p values -> (M,) what each is multiplied by for being one of a family of tests; products may exceed 1.

    Args:
        family: its size, where it holds more tests than these. The others are taken as less sure than these, which is
            the careful side.
    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    p = np.asarray(p, float)
    order, factors = p.argsort(kind='stable'), np.empty_like(p)
    ranks = np.arange(max(family, len(p)), 0, -1)[:len(p)].astype(float)
    raised = np.maximum.accumulate(p[order] * ranks)
    factors[order] = np.divide(raised, p[order], out=ranks, where=p[order] > 0)
    return factors


def verdict(interval: Sequence[float]) -> str:
    """In words, by the interval of the difference that is corrected for the family."""
    low, high = interval
    return 'better' if low > 0 else 'worse' if high < 0 else UNSURE


def _shown(estimate: crossed.Estimate) -> list[float]:
    return list(estimate.interval(ALPHA))


def summary(labels: ArrayLike, scores: Sequence[ArrayLike] | Outcome) -> dict[str, Any]:
    """The numbers of one row of classify's table (`docs/formats.md`), without the comparison.

    Args:
        labels: (N,).
        scores: (S, N, C) softmax, by seed; or what `outcome` made of them.
    Returns:
        ``top1``, ``macro_f1``, ``balanced_accuracy``, each with its ``_interval`` (over images alone where there is one
        seed), ``top5``, ``seeds_counted`` (those that predict differently), ``per_class`` [C] (None where the test set
        has no image of a class) and ``confusion`` [C][C] (true, predicted; summed over seeds).
    """
    one = scores if isinstance(scores, Outcome) else outcome(labels, scores)
    size = one.classes
    confusion = np.bincount((one.labels * size + one.predictions).ravel(), minlength=size * size).reshape(size, size)
    result = dict(seeds_counted=one.seeds, top5=one.top5, confusion=confusion.tolist(),
                  per_class=[row[i] / sum(row) if sum(row) else None for i, row in enumerate(confusion.tolist())])
    for name, values in (('top1', one.correct), ('macro_f1', macro_f1(one.labels, one.predictions, size)),
                         ('balanced_accuracy', balanced_accuracy(one.labels, one.predictions))):
        estimate = crossed.mean(crossed.score(values))
        result |= {name: estimate.value, f'{name}_interval': _shown(estimate)}
    return result


def compare(labels: ArrayLike, rows: Mapping[str, Sequence[ArrayLike] | Outcome], pairs: Sequence[tuple[str, str]], *,
            family: int = 0) -> list[dict[str, Any]]:
    """Rows against others: top-1 gained, how surely, and a verdict in words.

    Args:
        labels: (N,).
        rows: by name, (S, N, C) softmax, or what `outcome` made of it; S may differ between rows.
        pairs: names of a row and of the one it is compared with.
        family: how many comparisons were ever made on these images; at least these.
    Returns:
        for each pair ``row``, ``reference``, ``value``, ``seeds`` (of the row with fewer), ``interval`` (95 %) and
        ``p`` of this comparison alone, ``interval_holm`` and ``p_holm`` corrected for the family, ``verdict``,
        ``needs_seeds`` (about how many would show a difference of this size; None where it is shown, or seeds alone
        would not do). Where a row has one seed, intervals and p are None.
    """
    outcomes = {name: row if isinstance(row, Outcome) else outcome(labels, row) for name, row in rows.items()}
    right = {name: crossed.score(one.correct) for name, one in outcomes.items()}
    estimates = [crossed.difference(right[name], right[reference]) for name, reference in pairs]
    known = [estimate.p() for estimate in estimates if estimate.known]
    factors = iter(holm_factors(known, max(family, len(estimates))))
    result = []
    for (name, reference), estimate in zip(pairs, estimates):
        row = dict(row=name, reference=reference, value=estimate.value,
                   seeds=min(outcomes[name].seeds, outcomes[reference].seeds))
        if not estimate.known:
            row |= dict(interval=None, p=None, interval_holm=None, p_holm=None, verdict=ONE_SEED,
                        needs_seeds=FEWEST_SEEDS)
        else:
            factor, p = float(next(factors)), estimate.p()
            corrected = list(estimate.interval(ALPHA / factor))
            words = verdict(corrected)
            row |= dict(interval=_shown(estimate), p=p, interval_holm=corrected, p_holm=min(1., factor * p),
                        verdict=words,
                        needs_seeds=estimate.seeds_needed(ALPHA / factor) if words == UNSURE else None)
        result.append(row)
    return result
