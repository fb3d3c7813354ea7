"""Whether a row's probabilities are the shares of right answers: ECE, Brier score, NLL, temperature, reliability.

From the stored softmax of every image of val and test; the temperature is fitted on val alone. Bins are (a, b], so that
a confidence of 1.0 counts in the last one. ECE is biased: also a perfectly calibrated model shows some, the more the
fewer images there are. That floor is simulated and printed beside it.

Sources: Guo et al. 2017, "On calibration of modern neural networks" (arXiv 1706.04599); Brier 1950.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
_DRAWS = 200
_TINY = 1e-12
Array = NDArray[np.float64]


def bins(confidence: Array, right: NDArray[np.bool_], count: int = BINS) -> list[dict[str, Any]]:
    """Of each bin that has images: ``images``, mean ``confidence``, ``accuracy``."""
    place = np.clip(np.ceil(confidence * count).astype(int) - 1, 0, count - 1)
    return [dict(bin=i, images=int(mine.sum()), confidence=float(confidence[mine].mean()),
                 accuracy=float(right[mine].mean())) for i in range(count) if (mine := place == i).any()]


def ece(confidence: Array, right: NDArray[np.bool_], count: int = BINS) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy over bins, by their images."""
    return float(sum(one['images'] * abs(one['confidence'] - one['accuracy'])
                     for one in bins(confidence, right, count)) / len(confidence))


def floor(confidence: Array, count: int = BINS, seed: int = 0) -> float:
    """The mean ECE of a model with these confidences that is perfectly calibrated, on as many images."""
    rng = np.random.default_rng(seed)
    return float(np.mean([ece(confidence, rng.random(len(confidence)) < confidence, count) for _ in range(_DRAWS)]))


def nll(scores: Array, labels: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], _TINY)).mean())


def brier(scores: Array, labels: NDArray[np.int64]) -> float:
    """The mean squared distance of the softmax from the label, over all classes: 0 to 2."""
    return float(((scores - np.eye(scores.shape[1])[labels]) ** 2).sum(axis=1).mean())


def at(scores: Array, temperature: float) -> Array:
    """(N, C) softmax at another temperature."""
    logits = np.log(np.maximum(scores, _TINY)) / temperature
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    cooled: Array = found / found.sum(axis=1, keepdims=True)
    return cooled


def fitted(scores: Array, labels: NDArray[np.int64]) -> float:
    """The temperature, from 0.05 to 20, with the lowest NLL."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda log: nll(at(scores, float(np.exp(log))), labels), bounds=(np.log(0.05), np.log(20)),
                            method='bounded', options=dict(xatol=1e-6))
    return float(np.exp(found.x))


def measured(scores: Array, labels: NDArray[np.int64]) -> dict[str, Any]:
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    return dict(ece=ece(confidence, right), ece_floor=floor(confidence), nll=nll(scores, labels),
                brier=brier(scores, labels), accuracy=float(right.mean()), confidence=float(confidence.mean()),
                bins=bins(confidence, right))


def calibration(val: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Of one run.

    Args:
        val, shown: the content of its ``val.json``, and of the split that is shown.
    Returns:
        ``images``, ``val_images``, ``temperature``, and ``plain`` and ``scaled``, each as `measured`.
    """
    scores, labels = np.array(shown['scores'], float), np.array(shown['label'])
    temperature = fitted(np.array(val['scores'], float), np.array(val['label']))
    return dict(images=len(labels), val_images=len(val['label']), temperature=temperature,
                plain=measured(scores, labels), scaled=measured(at(scores, temperature), labels))
