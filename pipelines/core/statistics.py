"""What the predictions of several seeds say, and how surely.

Two sources of luck are kept apart. Which images happen to be in the test set: every interval is a bootstrap over test
images (Efron, "Better bootstrap confidence intervals", JASA 1987: BCa), of a score that was averaged over seeds first.
Which seed was drawn: shown seed by seed, not mixed into the interval.

A row is compared with another on the same images: a paired bootstrap of the difference, and the exact test of McNemar
("Note on the sampling error of the difference between correlated proportions", Psychometrika 1947), the one that
Dietterich ("Approximate statistical tests for comparing supervised classification learning algorithms", Neural
Computation 1998) advises where a model is trained once. McNemar's test counts every image once, so pooling S seeds
would count it S times and overstate the evidence: the seeds of a row vote (`vote`), and the votes are compared. The
interval is thus about the average run and p about the vote; a row is called better or worse only where both agree.

Labels and predictions are 0-based class indices, scores are softmax, shares are in [0, 1].
"""
from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Interval = tuple[float, float]
RESAMPLES = 10_000
_CELLS = 1 << 22  # numbers held at once while resampling: 32 MiB of float64


def _bootstrap(data: NDArray, statistic: Callable, confidence: float, resamples: int, seed: int) -> Interval:
    """BCa interval of a statistic of the rows of ``data``.

    BCa is undefined where the resamples do not vary (every image right, say) or all lie on one side of the point; the
    interval is then made of the plain percentiles of the same resamples: the point itself, where they do not vary.

    Raises:
        ValueError: fewer than two images.
    """
    from scipy import stats

    if len(data) < 2:
        raise ValueError(f'an interval needs at least 2 images, got {len(data)}')
    with warnings.catch_warnings(), np.errstate(all='ignore'):
        warnings.simplefilter('ignore', stats.DegenerateDataWarning)
        result = stats.bootstrap((data,), statistic, n_resamples=resamples, batch=max(1, _CELLS // len(data)),
                                 vectorized=True, confidence_level=confidence, method='BCa',
                                 rng=np.random.default_rng(seed))
    low, high = result.confidence_interval
    if not np.isfinite([low, high]).all():
        low, high = np.quantile(result.bootstrap_distribution, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def accuracy_interval(correct: ArrayLike, *, confidence: float = 0.95, resamples: int = RESAMPLES,
                      seed: int = 0) -> Interval:
    """Interval of the accuracy, averaged over seeds, under resampling of the test images.

    Args:
        correct: (S, N) bool, by seed and image.
    Returns:
        low, high; both are 1 where every image is right in every seed (the bootstrap knows no error it has not seen).
    Raises:
        ValueError: fewer than two images.
    """
    return _bootstrap(np.mean(correct, axis=0), np.mean, confidence, resamples, seed)


def difference_interval(correct: ArrayLike, reference: ArrayLike, *, confidence: float = 0.95,
                        resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Interval of accuracy minus the reference's, under resampling of the images that both were tested on.

    Args:
        correct: (S, N) bool.
        reference: (T, N) bool, of the same images in the same order; T may differ from S.
    Raises:
        ValueError: fewer than two images, or not the same number of them.
    """
    return _bootstrap(np.mean(correct, axis=0) - np.mean(reference, axis=0), np.mean, confidence, resamples, seed)


def macro_f1(labels: ArrayLike, predictions: ArrayLike, classes: int, *, confidence: float = 0.95,
             resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, Interval]:
    """F1 averaged over classes, then over seeds, and its interval under resampling of the test images.

    Args:
        labels: (N,).
        predictions: (S, N).
        classes: C. A class that is neither labelled nor predicted (in a resample, too) has no F1 and is left out of the
            mean, as in scikit-learn.
    """
    from scipy import sparse

    labels, predictions = np.asarray(labels), np.atleast_2d(predictions)
    seeds, images = predictions.shape

    def one_hot(indices: NDArray, keep: NDArray | bool = True) -> sparse.csr_matrix:
        """(C, N): which image counts towards which class."""
        return sparse.csr_matrix((np.broadcast_to(keep, images).astype(float), (indices, np.arange(images))),
                                 shape=(classes, images))

    labelled = one_hot(labels)
    predicted = [one_hot(row) for row in predictions]
    hit = [one_hot(row, row == labels) for row in predictions]

    def statistic(sample: NDArray, axis: int = -1) -> NDArray:
        """(..., n) image numbers -> (...) macro F1."""
        rows = sample.reshape(-1, sample.shape[-1])
        slots = (rows + np.arange(len(rows))[:, None] * images).ravel()
        times = np.bincount(slots, minlength=len(rows) * images).reshape(len(rows), images).T.astype(float)
        support, total = labelled @ times, 0.
        for positive, true in zip(predicted, hit):
            size = support + positive @ times
            f1 = np.divide(2 * (true @ times), size, out=np.zeros_like(size), where=size > 0)
            total += f1.sum(axis=0) / (size > 0).sum(axis=0)
        return (total / seeds).reshape(sample.shape[:-1])

    numbers = np.arange(images)
    return float(statistic(numbers)), _bootstrap(numbers, statistic, confidence, resamples, seed)


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
    return ((scores > own) | ((scores == own) & earlier)).sum(axis=-1) < k


def vote(scores: ArrayLike) -> NDArray[np.int64]:
    """The class that most seeds predict; of equally many votes, the one with the higher mean softmax.

    Args:
        scores: (S, N, C) softmax.
    Returns:
        (N,) class indices.
    """
    scores = np.asarray(scores)
    votes = (scores.argmax(axis=-1)[..., None] == np.arange(scores.shape[-1])).sum(axis=0)
    return (votes + scores.mean(axis=0) / 2).argmax(axis=-1)  # half a softmax never outweighs a vote


def mcnemar(correct: ArrayLike, reference: ArrayLike) -> float:
    """Exact two-sided p of McNemar's test: of the images on which just one is right, is each as often the one?

    Args:
        correct, reference: (N,) bool, of the same images.
    Returns:
        p; 1 where they are right on the same images.
    """
    from scipy.stats import binomtest

    correct, reference = np.asarray(correct, bool), np.asarray(reference, bool)
    only, other = int((correct & ~reference).sum()), int((reference & ~correct).sum())
    return float(binomtest(only, only + other).pvalue) if only + other else 1.0


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """(M,) p values, corrected for being M tests.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    p = np.asarray(p, float)
    order = p.argsort(kind='stable')
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected


def verdict(interval: Interval, p: float, alpha: float = 0.05) -> str:
    """``better`` or ``worse`` where the interval of the difference leaves 0 out and corrected p < alpha, in words."""
    low, high = interval
    if p < alpha and low > 0:
        return 'better'
    if p < alpha and high < 0:
        return 'worse'
    return 'no gain shown'


def summary(labels: ArrayLike, scores: ArrayLike) -> dict:
    """The numbers of one row of classify's table (`docs/formats.md`), without the comparison.

    Args:
        labels: (N,).
        scores: (S, N, C) softmax, by seed.
    Returns:
        ``top1``, ``top1_interval``, ``top5``, ``macro_f1``, ``macro_f1_interval``, ``per_class`` [C] (None
        where the test set has no image of a class) and ``confusion`` [C][C] (true, predicted; summed over seeds).
    """
    from sklearn.metrics import confusion_matrix

    labels, scores = np.asarray(labels), np.asarray(scores)
    predictions, classes = scores.argmax(axis=-1), scores.shape[-1]
    confusion = sum(confusion_matrix(labels, row, labels=range(classes)) for row in predictions)
    f1, f1_interval = macro_f1(labels, predictions, classes)
    return dict(top1=float((predictions == labels).mean()),
                top1_interval=list(accuracy_interval(predictions == labels)),
                top5=float(top_k(labels, scores, 5).mean()), macro_f1=f1, macro_f1_interval=list(f1_interval),
                per_class=[row[i] / sum(row) if sum(row) else None for i, row in enumerate(confusion.tolist())],
                confusion=confusion.tolist())


def compare(labels: ArrayLike, rows: Mapping[str, ArrayLike], pairs: Sequence[tuple[str, str]]) -> list[dict]:
    """Rows against others: top-1 gained, how surely, and a verdict in words.

    Args:
        labels: (N,).
        rows: by name, (S, N, C) softmax; S may differ between rows.
        pairs: names of a row and of the one it is compared with.
    Returns:
        for each pair ``row``, ``reference``, ``value``, ``interval``, ``p`` (McNemar, exact, on the seeds' votes),
        ``p_holm`` (corrected for the number of pairs) and ``verdict``.
    """
    labels = np.asarray(labels)
    scores = {name: np.asarray(row) for name, row in rows.items()}
    correct = {name: row.argmax(axis=-1) == labels for name, row in scores.items()}
    voted = {name: vote(row) == labels for name, row in scores.items()}
    p = [mcnemar(voted[name], voted[reference]) for name, reference in pairs]
    result = []
    for (name, reference), raw, corrected in zip(pairs, p, holm(p)):
        interval = difference_interval(correct[name], correct[reference])
        value = float(correct[name].mean() - correct[reference].mean())
        result.append(dict(row=name, reference=reference, value=value, interval=list(interval), p=raw,
                           p_holm=float(corrected), verdict=verdict(interval, corrected)))
    return result
