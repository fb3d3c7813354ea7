"""What a classifier's confidence is worth, by val: a temperature, and the confidence from which on answers hold.

Scores are softmax (N, C), mean over seeds; labels are 0-based.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FOLDS = 5
FEWEST = 20  # images that a temperature is fitted to
RISK = 0.05  # that a promise does not hold
_SMALLEST = 1e-12


def tempered(scores: ArrayLike, temperature: float | None) -> NDArray[np.float64]:
    """(..., C) scores with their logarithms divided by a temperature; as they are where it is None."""
    scores = np.asarray(scores, float)
    if temperature is None:
        return scores
    logits = np.log(np.maximum(scores, _SMALLEST)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _surprise(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) negative log-likelihood."""
    return np.asarray(-np.log(np.maximum(scores[np.arange(len(labels)), labels], _SMALLEST)))


def _fitted(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda log: _surprise(labels, tempered(scores, math.exp(log))).mean(),
                            bounds=(math.log(0.05), math.log(20)), method='bounded')
    return math.exp(found.x)


def temperature(labels: ArrayLike, scores: ArrayLike) -> dict[str, Any]:
    """The temperature that val asks for, and whether it pays: its gain on images that it was not fitted to.

    Returns:
        ``value`` (None where it does not pay: the interval of the gain holds 0), ``fitted``, ``gain`` (mean fall of
        the negative log-likelihood, by `FOLDS`-fold cross-validation), ``interval`` (95 %, Student's), ``images``.
    Source: Guo et al. 2017, arXiv 1706.04599, section 4.2.
    """
    from scipy import stats

    labels, scores = np.asarray(labels), np.asarray(scores, float)
    count = len(labels)
    if count < FEWEST:
        return dict(value=None, fitted=None, gain=None, interval=None, images=count)
    fold, gains = np.arange(count) % FOLDS, np.empty(count)
    for number in range(FOLDS):
        own = fold == number
        value = _fitted(labels[~own], scores[~own])
        gains[own] = _surprise(labels[own], scores[own]) - _surprise(labels[own], tempered(scores[own], value))
    half = float(stats.t.ppf(0.975, count - 1) * gains.std(ddof=1) / math.sqrt(count))
    interval = [round(float(gains.mean()) - half, 5), round(float(gains.mean()) + half, 5)]
    fitted = round(_fitted(labels, scores), 4)
    return dict(value=fitted if interval[0] > 0 else None, fitted=fitted, gain=round(float(gains.mean()), 5),
                interval=interval, images=count)


def _at_least(right: int, count: int, risk: float) -> float:
    """The accuracy that a share of right answers shows, but for this risk (Clopper and Pearson, Biometrika 1934)."""
    from scipy import stats

    return float(stats.beta.ppf(risk, right, count - right + 1)) if right else 0.


def _interval(right: int, count: int) -> list[float]:
    from scipy import stats

    high = float(stats.beta.ppf(0.975, right + 1, count - right)) if right < count else 1.
    return [round(_at_least(right, count, 0.025), 4), round(high, 4)]


def unsure_below(confidence: ArrayLike, right: ArrayLike, target: float) -> dict[str, Any]:
    """The lowest confidence from which on val's answers are right in a share of at least ``target``.

    Where val is large enough that is promised: but for a risk of `RISK`, the same holds for other images of the kind.
    The confidence is then searched by halves, each try with its part of the risk (Geifman and El-Yaniv 2017, arXiv
    1705.08500, algorithm 2). Else the confidence is val's own, and nothing is promised.

    Args:
        confidence: (N,) of val's answers.
        right: (N,) whether each is.
        target: a share.
    Returns:
        ``value`` (None: no confidence reaches the target, even on val), ``promised``, ``accuracy`` with its
        ``interval`` (95 %) and ``coverage`` of the answers from there on, ``images`` of val, ``needs`` (images that a
        promise would take at least, all of them right).
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, bool)
    order = np.argsort(-confidence, kind='stable')
    descending, hits = confidence[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.append(descending[1:] < descending[:-1], True)) if len(order) else np.array([], int)
    tries = max(1, math.ceil(math.log2(max(len(ends), 1))) + 1)
    needs = math.ceil(math.log(RISK / tries) / math.log(target)) if 0 < target < 1 else None
    result: dict[str, Any] = dict(value=None, promised=False, accuracy=None, interval=None, coverage=0.,
                                  images=len(order), needs=needs)
    low, high, found = 0, len(ends) - 1, None
    for _ in range(tries):  # fewer answers, higher confidence, to the left
        if low > high:
            break
        middle = (low + high + 1) // 2
        end = int(ends[middle])
        if _at_least(int(hits[end]), end + 1, RISK / tries) >= target:
            found, low = end, middle + 1
        else:
            high = middle - 1
    if found is None:
        reached = [int(end) for end in ends if hits[end] / (end + 1) >= target]
        if not reached:
            return result
        found, result['promised'] = reached[-1], False
    else:
        result['promised'] = True
    count, hit = found + 1, int(hits[found])
    below = descending[found + 1] if found + 1 < len(descending) else 0.
    return dict(result, value=round(float((descending[found] + below) / 2), 6), accuracy=round(hit / count, 4),
                interval=_interval(hit, count), coverage=round(count / len(order), 4))
