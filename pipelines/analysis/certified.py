"""A radius inside which no change of an image changes a row's answer: randomised smoothing.

The guarantee is the smoothed classifier's, which answers what the network says most often of the image with Gaussian
noise; with probability 0.999 for each image. Noise is added to pixels in [0, 1], before normalisation. A row that was
not trained with noise is certified next to nothing, so only rows of `NoisyClassifier` are measured.

The radius cannot exceed sigma times a number that the count of samples sets: 1.50 at 100, 2.46 at 1,000,
3.20 at 10,000.

Source: Cohen et al. 2019 (arXiv 1902.02918), algorithm Certify.
"""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.analysis.subject import Rows, subject
from pipelines.runs import Run

ALPHA = 0.001
FIRST = 100  # samples that choose the class
_BATCH = 100


def lower_bound(hits: int, samples: int, alpha: float = ALPHA) -> float:
    """Of a share, one-sided: Clopper and Pearson 1934."""
    from scipy import stats

    return float(stats.beta.ppf(alpha, hits, samples - hits + 1)) if hits else 0.


def radius(hits: int, samples: int, sigma: float, alpha: float = ALPHA) -> float:
    """Under L2, in pixels of [0, 1]; 0: abstains."""
    from scipy import stats

    share = lower_bound(hits, samples, alpha)
    return float(sigma * stats.norm.ppf(share)) if share > 0.5 else 0.


def counts(logits: Any, image: Tensor, sigma: float, samples: int, classes: int, generator: torch.Generator) -> Tensor:
    """(C,) how often each class is answered for an image, (3, H, W), with noise."""
    found = torch.zeros(classes, dtype=torch.long)
    with torch.no_grad():
        for start in range(0, samples, _BATCH):
            size = min(_BATCH, samples - start)
            noise = torch.empty(size, *image.shape, device=image.device).normal_(generator=generator)
            found += torch.bincount(logits(image + sigma * noise).argmax(dim=1).cpu(), minlength=classes)
    return found


def certify(logits: Any, image: Tensor, sigma: float, samples: int, classes: int, seed: int) -> tuple[int, float]:
    """The smoothed answer and its radius; a radius of 0 is no answer."""
    generator = torch.Generator(image.device).manual_seed(seed)
    answer = int(counts(logits, image, sigma, FIRST, classes, generator).argmax())
    hits = int(counts(logits, image, sigma, samples, classes, generator)[answer])
    return answer, radius(hits, samples, sigma)


def certified(rows: Rows, run: Run, split: str, sigma: float, samples: int) -> list[dict[str, Any]]:
    """A shard of the images: ``image_id``, ``label``, ``answer``, ``radius``."""
    one = subject(run, split)
    found = []
    for row, image in zip(rows, one.images(rows)):
        answer, reach = certify(one.logits, image, sigma, samples, len(one.classes), row['image_id'])
        found.append(dict(image_id=row['image_id'], label=row['gt_label'], answer=answer, radius=reach))
    return found


def curve(seen: list[dict[str, Any]], sigma: float, samples: int) -> dict[str, Any]:
    """Certified accuracy by radius: the share of images that are right, and certainly stay so inside it."""
    reach = np.array([row['radius'] if row['answer'] == row['label'] else -1. for row in seen])
    answered = np.array([row['radius'] > 0 for row in seen])
    radii = [0., *(round(sigma * step / 4, 6) for step in range(1, 17))]
    return dict(sigma=sigma, samples=samples, alpha=ALPHA, images=len(seen), abstained=float((~answered).mean()),
                radii=radii, accuracy=[float(((reach >= at) & answered).mean()) for at in radii],
                mean_radius=float(np.maximum(reach, 0).mean()))


def sigma_of(cfg: Any) -> float | None:
    """Of a row that was trained with noise; None: another."""
    return float(cfg.model.sigma) if cfg.model.get('type') == 'NoisyClassifier' else None
