"""Which detail sizes a row lives on: critical-band masking.

The image is made grey and of low contrast, and noise of one octave of spatial frequency is added. Where little noise
spoils the answers, the row uses details of that size. The sensitivity (one over the noise's standard deviation that
brings accuracy down to a threshold) over log2 frequency is fitted by a Gaussian: its centre and its full width at half
maximum, 2 sqrt(ln 4) sigma octaves, describe the row's channel. People recognise objects by about one octave.

Nothing is clipped, as clipping leaks noise into other bands. Frequencies: cycles per image of the network's input.

Source: Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial
robustness" (arXiv 2309.13190).
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.analysis.subject import Rows, subject
from pipelines.runs import Run

GREY, CONTRAST = 0.449, 0.2
CENTRES = tuple(1.75 * 2 ** k for k in range(7))
DEVIATIONS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
_FEWEST = 3  # bands with a threshold, for a fit
_LEAST = 0.1  # above chance, that is left to lose at low contrast


def centres(height: int, width: int) -> list[float]:
    """The octaves that fit below the highest frequency an image of this size can have."""
    return [one for one in CENTRES if one * math.sqrt(2) <= min(height, width) / 2]


def noise(shape: tuple[int, int], centre: float, seed: int) -> NDArray[np.float64]:
    """(H, W) noise of one octave about a frequency, with a mean of 0 and a standard deviation of 1."""
    rng = np.random.default_rng(seed)
    vertical, horizontal = (np.fft.fftfreq(length) * length for length in shape)
    radius = np.hypot(vertical[:, None], horizontal[None])
    band = (radius >= centre / math.sqrt(2)) & (radius < centre * math.sqrt(2))
    found: NDArray[np.float64] = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * band).real
    return found / found.std()


def masked(rows: Rows, run: Run, split: str) -> list[dict[str, Any]]:
    """A shard of the images: ``image_id``, ``label``, ``answers`` by ``colour``, ``grey``, ``low`` (contrast), and
    ``<frequency> <deviation>``."""
    import torch

    one = subject(run, split)
    pixels = one.images(rows)
    grey = pixels.mean(dim=1, keepdim=True).expand_as(pixels)
    low = GREY + CONTRAST * (grey - GREY)
    answers = {'colour': one.predictions(pixels), 'grey': one.predictions(grey), 'low': one.predictions(low)}
    shape = (pixels.shape[2], pixels.shape[3])
    for number, centre in enumerate(centres(*shape)):
        added = torch.from_numpy(np.stack([noise(shape, centre, 1000 * row['image_id'] + number) for row in rows]))
        added = added.to(pixels)[:, None]
        for deviation in DEVIATIONS:
            answers[f'{centre:g} {deviation:g}'] = one.predictions(low + deviation * added)
    return [dict(image_id=row['image_id'], label=row['gt_label'],
                 answers={name: int(found[i]) for name, found in answers.items()}) for i, row in enumerate(rows)]


def threshold(accuracies: list[float], level: float) -> float | None:
    """The deviation at which accuracy falls to a level, interpolated over its logarithm; None: it never does. Where the
    least noise is below already, that noise."""
    if accuracies[0] <= level:
        return DEVIATIONS[0]
    for i in range(1, len(accuracies)):
        if accuracies[i] <= level:
            share = (accuracies[i - 1] - level) / (accuracies[i - 1] - accuracies[i])
            return float(DEVIATIONS[i - 1] * (DEVIATIONS[i] / DEVIATIONS[i - 1]) ** share)
    return None


def channel(frequencies: list[float], thresholds: list[float | None]) -> dict[str, float] | None:
    """The Gaussian over log2 frequency through the sensitivities, 0 where there is no threshold: ``centre`` (cycles per
    image) and ``octaves`` (full width at half maximum); None where fewer than three bands have a threshold, or the
    centre lies beyond the bands."""
    from scipy.optimize import curve_fit

    if sum(one is not None for one in thresholds) < _FEWEST:
        return None
    x = np.log2(frequencies)
    y = np.array([0 if one is None else 1 / one for one in thresholds])

    def bell(at: NDArray[np.float64], height: float, middle: float, sigma: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = height * np.exp(-(at - middle) ** 2 / (2 * sigma ** 2))
        return found

    (_, middle, sigma), _ = curve_fit(bell, x, y, p0=(y.max(), x[y.argmax()], 1), maxfev=20000,
                                      bounds=((0, x[0] - 2, 0.1), (10 * y.max(), x[-1] + 2, 8)))
    if not x[0] - 0.5 <= middle <= x[-1] + 0.5:
        return None
    return dict(centre=float(2 ** middle), octaves=float(2 * math.sqrt(math.log(4)) * sigma))


def summary(seen: list[dict[str, Any]], classes: int) -> dict[str, Any]:
    """Accuracies, thresholds and the channel, from what `masked` gave."""
    def accuracy(name: str) -> float:
        return float(np.mean([row['answers'][name] == row['label'] for row in seen]))

    found = {name: accuracy(name) for name in ('colour', 'grey', 'low')}
    frequencies = sorted({float(name.split()[0]) for name in seen[0]['answers'] if ' ' in name})
    level = 0.5 if found['low'] >= 0.5 else (found['low'] + 1 / classes) / 2
    by_band = [[accuracy(f'{centre:g} {deviation:g}') for deviation in DEVIATIONS] for centre in frequencies]
    enough = found['low'] >= 1 / classes + _LEAST
    thresholds = [threshold(one, level) if enough else None for one in by_band]
    return dict(found, images=len(seen), frequencies=frequencies, deviations=list(DEVIATIONS), accuracy=by_band,
                level=level, enough=enough, thresholds=thresholds, channel=channel(frequencies, thresholds))
