"""Figures of a set of images beside those of others: how sharp, how different, how near to copies, what is left out.

Features are rows of an (N, D) array, whatever network they are of. No figure says anything alone: `compare` gives each
for a set of images, and is called for held-out real ones, too, with as many images (`pipelines.openmm.synth.figures`).
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_BLOCK = 1024  # rows whose distances are in memory at the same time
NEIGHBOURS, DRAWS = 3, 20
SEEDS = 3  # of the classifiers that judge one set of images
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as JPEG has it

# Signs of a generator that has failed, by the thresholds: against held-out real images.
LEAST_SHARPNESS, MOST_ONE_NN, MOST_KID = 0.6, 0.75, 10.
LEAST_RECOGNISED = 0.5
MOST_COPIES = 0.5
COPY_QUANTILE = 0.05


def sharpness(pixels: NDArray[np.uint8]) -> Floats:
    """(N, H, W, 3) RGB -> (N,) mean length of the brightness' gradient, in levels per pixel.

    Blurred pictures, and those of a generator that has learnt colours alone, have less of it. It is of the pixels as
    they are: compare at one size.
    """
    found = np.empty(len(pixels))
    for start in range(0, len(pixels), _BLOCK):
        luma = pixels[start:start + _BLOCK] @ np.array(LUMA)
        down, right = np.diff(luma, axis=1)[:, :, :-1], np.diff(luma, axis=2)[:, :-1]
        found[start:start + _BLOCK] = np.hypot(down, right).mean(axis=(1, 2))
    return found


def kid(real: ArrayLike, other: ArrayLike) -> float:
    """Kernel distance: the unbiased estimate of the squared maximum mean discrepancy, which may be below 0.

    The kernel is ``(x y / D + 1)^3``. Unlike FID's its expectation does not depend on how many images there are.

    Source: Binkowski et al. 2018, Demystifying MMD GANs (arXiv 1801.01401), section 4.
    Raises:
        ValueError: fewer than two rows.
    """
    real, other = np.asarray(real, float), np.asarray(other, float)
    if min(len(real), len(other)) < 2:
        raise ValueError('a kernel distance needs at least 2 images of each kind')

    def kernel(a: Floats, b: Floats) -> Iterator[Floats]:
        for start in range(0, len(a), _BLOCK):
            yield (a[start:start + _BLOCK] @ b.T / a.shape[1] + 1) ** 3

    def within(a: Floats) -> float:
        own = ((a * a).sum(axis=1) / a.shape[1] + 1) ** 3
        return float((sum(part.sum() for part in kernel(a, a)) - own.sum()) / (len(a) * (len(a) - 1)))

    across = sum(part.sum() for part in kernel(real, other)) / (len(real) * len(other))
    return float(within(real) + within(other) - 2 * across)


def _distances(a: Floats, b: Floats) -> Iterator[Floats]:
    """Euclidean, block of rows by block; exactly 0 between equal rows is not promised."""
    squares = (b * b).sum(axis=1)
    for start in range(0, len(a), _BLOCK):
        part = a[start:start + _BLOCK]
        yield np.sqrt(np.maximum((part * part).sum(axis=1)[:, None] + squares - 2 * part @ b.T, 0))


def nearest(queries: ArrayLike, others: ArrayLike, *, own: bool = False) -> tuple[Floats, NDArray[np.int64]]:
    """(N,) distance of each query to the nearest of the others, and (N,) which that is.

    Args:
        own: row i of the others is query i itself, and does not count.
    """
    queries, others = np.asarray(queries, float), np.asarray(others, float)
    found, start = [], 0
    for part in _distances(queries, others):
        if own:
            part[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        found.append(part.argmin(axis=1))
        start += len(part)
    index = np.concatenate(found)
    return np.sqrt(((queries - others[index]) ** 2).sum(axis=1)), index


def one_nn(real: ArrayLike, other: ArrayLike) -> float:
    """Two-sample test: the share of images whose nearest other image, of both sets, is of their own set.

    0.5 where nobody can tell the sets apart, 1 where anybody can, below 0.5 where one set copies the other. Of equally
    near ones each counts in part.

    Raises:
        ValueError: sets of different sizes, for which 0.5 would not be the middle, or of fewer than 2.
    Source: Lopez-Paz and Oquab 2017 (arXiv 1610.06545); Xu et al. 2018 (arXiv 1806.07755).
    """
    real, other = np.asarray(real, float), np.asarray(other, float)
    if len(real) != len(other) or len(real) < 2:
        raise ValueError(f'the 1-NN test needs two sets of one size, of 2 at least: got {len(real)} and {len(other)}')
    both, is_real = np.concatenate([real, other]), np.arange(2 * len(real)) < len(real)
    right, start = 0., 0
    for part in _distances(both, both):
        rows = np.arange(len(part))
        part[rows, start + rows] = np.inf
        ties = part <= part.min(axis=1, keepdims=True)
        right += float(((ties & (is_real == is_real[start + rows][:, None])).sum(axis=1) / ties.sum(axis=1)).sum())
        start += len(part)
    return right / len(both)


def radii(features: ArrayLike, k: int = NEIGHBOURS) -> Floats:
    """(N,) distance to the k-th nearest other row.

    Raises:
        ValueError: not more than k rows.
    """
    features = np.asarray(features, float)
    if len(features) <= k:
        raise ValueError(f'figures with the {k} nearest neighbours need more than {k} images')
    return np.concatenate([np.partition(part, k, axis=1)[:, k] for part in _distances(features, features)])


def covered(real: ArrayLike, other: ArrayLike, radius: ArrayLike) -> float:
    """Coverage: the share of real images with one of the others in their ball.

    Args:
        radius: (N,) of the balls, from `radii` of ``real``.
    Source: Naeem et al. 2020, Reliable Fidelity and Diversity Metrics (arXiv 2002.09797).
    """
    near, _ = nearest(real, other)
    return float((near <= np.asarray(radius)).mean())


def precision_recall(real: ArrayLike, other: ArrayLike, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of the others inside the real manifold, and of real rows inside that of the others.

    A manifold is the union of balls about its rows that reach to the k-th nearest other row.

    Args:
        real: (N, D).
        other: (M, D); the figures compare best where M = N.
    Raises:
        ValueError: not more than k rows.
    Source: Kynkäänniemi et al. 2019, Improved Precision and Recall (arXiv 1904.06991).
    """
    def inside(queries: Floats, features: Floats) -> float:
        radius = radii(features, k)
        return float(np.concatenate([(part <= radius).any(axis=1) for part in _distances(queries, features)]).mean())

    real, other = np.asarray(real, float), np.asarray(other, float)
    return inside(other, real), inside(real, other)


@dataclass(frozen=True)
class Sample:
    """Images as the figures see them.

    Args:
        features: (N, D).
        labels: (N,) class of each.
        sharpness: (N,).
        views: (V, N, M): the features that copies are looked for in, of each image and of its mirror image.
    """
    features: Floats
    labels: NDArray[np.int64]
    sharpness: Floats
    views: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[Any]) -> Sample:
        return Sample(self.features[rows], self.labels[rows], self.sharpness[rows], self.views[:, rows])

    @cached_property
    def gaps(self) -> Floats:
        """(N,) distance of each image to the nearest other one of these, or to its mirror image."""
        found: Floats = np.min([nearest(view, self.views[0], own=True)[0] for view in self.views], axis=0)
        return found

    def closeness(self, train: Sample) -> tuple[Floats, NDArray[np.int64]]:
        """(N,) distance of each image to the nearest of train, as a share of that one's own distance to the nearest
        other one of train; and (N,) which that is. Without the share, images of a dense region look like copies.

        Source: authenticity, of Alaa et al. 2022, How Faithful is your Synthetic Data? (arXiv 2102.08921), section 3.2.
        """
        found = [nearest(view, train.views[0]) for view in self.views]
        best = np.argmin([distance for distance, _ in found], axis=0), np.arange(len(self))
        index = np.array([rows for _, rows in found])[best]
        return np.array([distance for distance, _ in found])[best] / np.maximum(train.gaps[index], 1e-12), index


def compare(train: Sample, other: Sample, *, size: int, per_class: Sequence[int], quantile: float | None = None,
            draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """Figures of images against those of train.

    Args:
        size: images of each kind in the 1-NN test, precision and recall, 2 at least: what is compared has the same.
        per_class: (C,) how many images are to cover the real ones of a class; 0 leaves it out.
        quantile: `Sample.closeness` below which an image counts as a copy; None: `COPY_QUANTILE` of these images' own.
        draws: of so many images, over which figures are averaged.
        seed: of these draws.
    Returns:
        ``sharpness`` (mean, as a share of train's), ``one_nn``, ``kid``, ``precision``, ``recall``, ``distance``
        (median closeness to train), ``copy_distance`` (the quantile), ``copies`` (share nearer than that), ``coverage``
        (mean over classes) and ``coverage_by_class`` [C] (None for a class that is left out).
    """
    rng = np.random.default_rng(seed)
    drawn = [(rng.permutation(len(train))[:size], rng.permutation(len(other))[:size]) for _ in range(draws)]
    pairs = [(train.features[a], other.features[b]) for a, b in drawn]
    found = np.array([precision_recall(*pair, min(NEIGHBOURS, size - 1)) for pair in pairs])
    distance, _ = other.closeness(train)
    quantile = float(np.quantile(distance, COPY_QUANTILE)) if quantile is None else quantile
    by_class = [_class_coverage(train, other, label, count, draws, rng) for label, count in enumerate(per_class)]
    known = [share for share in by_class if share is not None]
    return dict(
        sharpness=float(other.sharpness.mean() / train.sharpness.mean()),
        one_nn=float(np.mean([one_nn(*pair) for pair in pairs])), kid=kid(train.features, other.features),
        precision=float(found[:, 0].mean()), recall=float(found[:, 1].mean()), distance=float(np.median(distance)),
        copy_distance=quantile, copies=float((distance < quantile).mean()),
        coverage=float(np.mean(known)) if known else None, coverage_by_class=by_class)


def _class_coverage(train: Sample, other: Sample, label: int, count: int, draws: int,
                    rng: np.random.Generator) -> float | None:
    real, drawn = train.features[train.labels == label], other.features[other.labels == label]
    if not count or len(real) < 2:
        return None
    if not len(drawn):
        return 0.
    radius = radii(real, min(NEIGHBOURS, len(real) - 1))
    return float(np.mean([covered(real, drawn[rng.permutation(len(drawn))[:count]], radius) for _ in range(draws)]))


def kid_floor(train: Sample, size: int, *, draws: int = DRAWS, seed: int = 0) -> float:
    """How far the kernel distance of so many real images strays from 0 by chance: its sd over draws from train."""
    size = min(size, len(train) // 2)
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        order = rng.permutation(len(train))
        found.append(kid(train.features[order[size:]], train.features[order[:size]]))
    return float(np.sqrt(np.mean(np.square(found))))


def signs_of_collapse(figures: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    """In words, what shows that a generator has failed; empty where nothing does.

    Args:
        figures: of its images: ``sharpness``, ``one_nn``, ``kid`` and, where it is there, ``recognised`` (share whose
            class is among the best of a classifier of real images).
        reference: the same of held-out real images, and ``kid_floor``.
    """
    found = []
    sharp = figures['sharpness'] / reference['sharpness']
    if sharp < LEAST_SHARPNESS:
        found.append(f'sharpness is {sharp:.2f} of that of real images (least: {LEAST_SHARPNESS})')
    if figures['one_nn'] > MOST_ONE_NN:
        found.append(f'the nearest neighbour tells {100 * figures["one_nn"]:.0f} % of the images apart from real ones '
                     f'(most: {100 * MOST_ONE_NN:.0f} %; held-out real images: {100 * reference["one_nn"]:.0f} %)')
    floor = max(reference['kid'], reference['kid_floor'])
    if figures['kid'] > MOST_KID * floor:
        found.append(f'KID is {figures["kid"] / floor:.0f} times that of held-out real images (most: {MOST_KID:.0f})')
    if 'recognised' in figures and figures['recognised'] < LEAST_RECOGNISED * reference['recognised']:
        found.append(f'a classifier of real images recognises {100 * figures["recognised"]:.0f} % of them, of held-out '
                     f'real images {100 * reference["recognised"]:.0f} % (least: half as many)')
    return found


def signs_of_copying(figures: Mapping[str, Any]) -> list[str]:
    """In words, what shows that images are copies of train's: most lie nearer to one than held-out images do."""
    if figures['copies'] <= MOST_COPIES:
        return []
    return [f'{100 * figures["copies"]:.0f} % of the images lie nearer to a train image than all but '
            f'{100 * COPY_QUANTILE:.0f} % of held-out real images do (most: {100 * MOST_COPIES:.0f} %)']
