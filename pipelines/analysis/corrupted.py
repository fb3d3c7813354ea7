"""A row on images as a worse camera, weather or compression gives them: the 15 common corruptions at 5 severities.

Made by the benchmark's own functions (imagecorruptions) at the network's input, in 8 bits, with a seed for every image,
so that a rerun gives the same bytes and all rows see the same noise. The mean over kinds is the benchmark's mCE without
its division by AlexNet's errors, which hold for ImageNet alone.

Source: Hendrycks and Dietterich 2019 (arXiv 1903.12261).
"""
from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.analysis.subject import Rows, subject
from pipelines.runs import Run

GROUPS = {'noise': ('gaussian_noise', 'shot_noise', 'impulse_noise'),
          'blur': ('defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur'),
          'weather': ('snow', 'frost', 'fog', 'brightness'),
          'digital': ('contrast', 'elastic_transform', 'pixelate', 'jpeg_compression')}
KINDS = tuple(kind for kinds in GROUPS.values() for kind in kinds)
_OWN_SEED = ('impulse_noise', 'glass_blur')  # do not follow numpy's


def corrupt(picture: NDArray[np.uint8], kind: str, severity: int, seed: int) -> NDArray[np.uint8]:
    """(H, W, 3) RGB -> the same, corrupted; equal for equal arguments. numpy's global state stays as it was."""
    import imagecorruptions

    state = np.random.get_state()
    np.random.seed(seed)
    try:
        more = dict(seed=seed) if kind in _OWN_SEED else {}
        found: NDArray[np.uint8] = imagecorruptions.corrupt(picture, severity, kind, **more)
        return found
    finally:
        np.random.set_state(state)


def seed_of(image_id: int, kind: str, severity: int) -> int:
    """One for every image, kind and severity."""
    return zlib.crc32(f'{image_id} {kind} {severity}'.encode())


def corrupted(rows: Rows, run: Run, split: str, severities: tuple[int, ...]) -> list[dict[str, Any]]:
    """A shard of the images: ``image_id``, ``label``, ``answers`` by ``clean`` and ``<kind>-<severity>``."""
    from pipelines.openmm.engine import threads
    threads.set_threads()
    import torch
    torch.set_num_threads(1)  # processes are the parallel part
    one = subject(run, split)
    pixels = one.images(rows)
    pictures = one.pictures(pixels)
    answers = {'clean': one.predictions(pixels)}
    for kind in KINDS:
        for severity in severities:
            made = np.stack([corrupt(picture, kind, severity, seed_of(row['image_id'], kind, severity))
                             for picture, row in zip(pictures, rows)])
            answers[f'{kind}-{severity}'] = one.predictions(one.from_pictures(made))
    return [dict(image_id=row['image_id'], label=row['gt_label'],
                 answers={name: int(found[i]) for name, found in answers.items()}) for i, row in enumerate(rows)]
