"""Whether synthetic images may enter the training sets: what was measured of them -> a verdict, and how sure it is.

    copying    most of them lie nearer to train images than held-out real ones do
    collapsed  sharpness, two-sample test, KID or a classifier of real images says that they are not like real ones
    use        with some probability p of the sweep, classifiers are better for them, surely
    harmful    none is surely better, and some is surely worse
    undecided  neither; how large a gain would have been seen is said

Copies and collapse are read off the figures of synth (`pipelines.core.sample_figures`); the rest is classifiers that
were trained with the images in place of real ones with probability p, and with real ones alone, under the same seeds.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.core.admission import USE

ALPHA = 0.05
FOUR_OF_FIVE = 0.8416  # the normal distribution's point of 80 %
DRAWS = 4000
HARMFUL, UNDECIDED, COLLAPSED, COPYING = 'harmful', 'undecided', 'collapsed', 'copying'
VERDICTS = (USE, HARMFUL, UNDECIDED, COLLAPSED, COPYING)
Floats = NDArray[np.float64]
_BLOCK = 1 << 22  # numbers that are in memory at the same time


@dataclass(frozen=True)
class Gain:
    """What images bring at one setting of the sweep, as a share of 1.

    Args:
        value: mean over seeds and images of right with them minus right without.
        interval: that holds the true gain, together with those of all other settings, with 95 %.
        error: standard error over seeds and images.
        least: the smallest true gain that would have been called one in four of five tries.
    """
    value: float
    interval: tuple[float, float]
    error: float
    least: float


def gains(with_images: Sequence[ArrayLike], real: ArrayLike, *, tests: int = 0, draws: int = DRAWS, seed: int = 0
          ) -> list[Gain]:
    """Gains of several settings over real images alone, with simultaneous bounds.

    A hierarchical bootstrap: seeds and images are drawn anew, the same for all settings, S - 1 of S and N - 1 of N, so
    that the variance is right for few of them (Rao and Wu, "Resampling inference with complex survey data", JASA 1988).
    The bounds reach ``c`` standard errors to both sides; ``c`` is the quantile of the largest studentised deviation
    over settings (bootstrap-t, Efron and Tibshirani 1993, chapter 12; Romano and Wolf 2005), so that all hold together,
    and Student's for so few seeds (Welch's degrees of freedom, Bonferroni's correction) at least.

    Args:
        with_images: for each setting (S, N) bool: whether the classifier of a seed is right on a held-out image.
        real: (S, N) of the classifiers of the same seeds without the images.
        tests: how many settings there are in all, where some are judged apart from these.
        draws: of the bootstrap.
        seed: of these draws.
    Raises:
        ValueError: fewer than 3 seeds or 2 images, or not the same ones.
    """
    right = np.asarray(real, float)
    difference = np.stack([np.asarray(one, float) - right for one in with_images])
    settings, seeds, images = difference.shape
    if seeds < 3 or images < 2:
        raise ValueError(f'a gate needs 3 seeds and 2 images at least: got {seeds} and {images}')
    value = difference.mean(axis=(1, 2))
    parts = _variances(difference, np.ones((1, seeds)), np.ones((1, images)))[:, 0]
    error = np.sqrt(parts.sum(axis=0))
    rng = np.random.default_rng(seed)
    largest: Floats = np.empty(0)
    block = max(1, _BLOCK // (seeds * images))
    while len(largest) < draws:
        count = min(block, draws - len(largest))
        by_seed = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), count).astype(float)
        by_image = rng.multinomial(images - 1, np.full(images, 1 / images), count).astype(float)
        means = np.einsum('bs,rsn,bn->br', by_seed, difference, by_image, optimize=True) / ((seeds - 1) * (images - 1))
        spread = np.maximum(np.sqrt(_variances(difference, by_seed, by_image).sum(axis=0)), 1e-12)
        largest = np.append(largest, (np.abs(means - value) / spread).max(axis=1))
    family = max(tests, settings)
    reach = np.maximum(_students(parts, (seeds, images), family), np.quantile(largest, 1 - ALPHA * settings / family))
    return [_gain(float(mean), float(sd), float(far)) for mean, sd, far in zip(value, error, reach)]


def _gain(value: float, error: float, reach: float) -> Gain:
    low, high = max(-1., value - reach * error), min(1., value + reach * error)
    return Gain(value, (low, high), error, min(1., (reach + FOUR_OF_FIVE) * error))


def _students(parts: Floats, counts: tuple[int, int], family: int) -> Floats:
    """(R,) standard errors that Student's intervals reach, of a family of so many.

    Args:
        parts: (2, R) variances of the mean over seeds and over images.
        counts: of seeds and of images.
    """
    from scipy import special

    share = parts / parts.sum(axis=0)
    freedom = 1 / (share ** 2 / (np.array(counts)[:, None] - 1)).sum(axis=0)
    found: Floats = special.stdtrit(freedom, 1 - ALPHA / 2 / family)
    return found


def _variances(difference: Floats, by_seed: Floats, by_image: Floats) -> Floats:
    """(2, B, R) variances, over seeds and over images, of the means of R settings, for B weightings of (R, S, N).

    The variance of a mean is their sum. What a single image does under a single seed is in both, which is the careful
    side; an image that was never drawn has the weight 0. Two images are added that point opposite ways, by 1 / sqrt(S),
    as where no image differs the spread is not known to be 0 (`pipelines.core.crossed`).
    """
    seeds, images = by_seed.sum(axis=1), by_image.sum(axis=1)
    seed_means = np.einsum('rsn,bn->brs', difference, by_image, optimize=True) / images[:, None, None]
    image_means = np.einsum('rsn,bs->brn', difference, by_seed, optimize=True) / seeds[:, None, None]
    parts = []
    for means, weights, count in ((seed_means, by_seed, seeds), (image_means, by_image, images)):
        mean = np.einsum('brk,bk->br', means, weights) / count[:, None]
        square = np.einsum('brk,bk->br', means ** 2, weights)
        if means is image_means:
            square = square + 2 / by_seed.shape[1]
        parts.append(np.maximum(square - count[:, None] * mean ** 2, 0) / (count * (count - 1))[:, None])
    return np.stack(parts)


def verdict(signs: Mapping[str, Sequence[str]], sweep: Sequence[tuple[int, Gain]] = ()) -> tuple[str, str, int | None]:
    """A verdict, why in a sentence, and the percentage of the sweep that images enter with where it is `USE`.

    Args:
        signs: of ``collapse`` and of ``copying``, in words.
        sweep: (percentage, gain) of every setting; not looked at where there are signs.
    """
    if signs['collapse']:
        return COLLAPSED, '; '.join(signs['collapse']), None
    if signs['copying']:
        return COPYING, '; '.join(signs['copying']), None
    better = [(gain.value, percent, gain) for percent, gain in sweep if gain.interval[0] > 0]
    worse = [(gain.value, percent, gain) for percent, gain in sweep if gain.interval[1] < 0]
    if better:
        _, percent, gain = max(better, key=lambda one: one[0])
        return USE, f'in place of {percent} % of the real images they bring {_points(gain)}', percent
    if worse:
        _, percent, gain = min(worse, key=lambda one: one[0])
        return HARMFUL, f'in place of {percent} % of the real images they bring {_points(gain)}', None
    if not sweep:
        return UNDECIDED, 'no classifier was trained with them', None
    _, percent, gain = max(((gain.value, percent, gain) for percent, gain in sweep), key=lambda one: one[0])
    return UNDECIDED, f'at best, in place of {percent} % of the real images, they bring {_points(gain)}', None


def _points(gain: Gain) -> str:
    low, high = gain.interval
    return f'{100 * gain.value:+.1f} points of top-1 ({100 * low:+.1f} to {100 * high:+.1f})'


def power(sweep: Sequence[Gain], images: int, seeds: int) -> str:
    """What this sweep could have seen, as a sentence."""
    least = max(gain.least for gain in sweep)
    return (f'With {images:,} held-out images and {seeds} seeds, a true gain of {100 * least:.1f} points of top-1 '
            'would have been seen in four of five tries; a smaller one, mostly not.')


def kept(ranks: Sequence[int], labels: Sequence[int], top_k: int, classes: int) -> dict[str, Any]:
    """What a classifier of real images leaves of synthetic ones: those whose own class is among its best.

    Args:
        ranks: (N,) place of each image's class, 1 the best.
        labels: (N,).
        top_k: the last place that is kept.
    Returns:
        ``top_k``, ``kept`` (share) and ``by_class`` [C] (None where nothing was drawn).
    """
    good, of = np.asarray(ranks) <= top_k, np.asarray(labels)
    return dict(top_k=top_k, kept=float(good.mean()), by_class=[
        float(good[of == label].mean()) if (of == label).any() else None for label in range(classes)])
