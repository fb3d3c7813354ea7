"""How much a row relies on what is around the animal: the animal taken away, or its surroundings.

By annotated boxes at the network's input. A grey rectangle is unlike anything seen in training, so surroundings are
blurred and exchanged as well: the animal's rectangle on the surroundings of an image of the same class (the price of
the seam) and of another one. In these the animal of the other image is filled with its surroundings first.

Sources: Xiao et al. 2020, "Noise or signal" (arXiv 2006.09994); Nauen et al. 2025, ForAug (arXiv 2503.09399).
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.analysis.subject import Rows, subject
from pipelines.runs import Run

VARIANTS = ('animal grey', 'surroundings grey', 'surroundings blurred', 'surroundings of its class',
            'surroundings of another class')
_GREY = 114
LARGEST = 0.8  # share of the input that a box may have: around larger ones there is too little
Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]


def blurred(picture: Picture, weights: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """(H, W, 3) smoothed over an eighth of its side; with weights (H, W) from where these are alone."""
    import cv2

    sigma = max(picture.shape[:2]) / 8
    if weights is None:
        return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma))
    total = cv2.GaussianBlur(weights, (0, 0), sigma)[..., None]
    summed = cv2.GaussianBlur(picture.astype(np.float32) * weights[..., None], (0, 0), sigma)
    mean = (picture * weights[..., None]).sum(axis=(0, 1)) / max(float(weights.sum()), 1.)
    filled: Any = np.where(total > 1e-3, summed / np.maximum(total, 1e-3), mean)
    return np.asarray(filled, np.float32)


def without_animal(picture: Picture, animal: Mask) -> NDArray[np.float32]:
    """The animal's rectangle filled with what is around it."""
    filled = blurred(picture, (~animal).astype(np.float32))
    found: NDArray[np.float32] = np.where(animal[..., None], filled, picture)
    return found


def variants(picture: Picture, animal: Mask, same: tuple[Picture, Mask] | None, other: tuple[Picture, Mask] | None
             ) -> dict[str, Picture]:
    """By name, the changed pictures; of the exchanged ones those that there is an image for.

    Args:
        same, other: a picture of the same and of another class, with its animal.
    """
    inside = animal[..., None]
    found = {'animal grey': np.where(inside, _GREY, picture), 'surroundings grey': np.where(inside, picture, _GREY),
             'surroundings blurred': np.where(inside, picture, blurred(picture))}
    for name, one in (('surroundings of its class', same), ('surroundings of another class', other)):
        if one is not None:
            found[name] = np.where(inside, picture, without_animal(*one))
    return {name: np.rint(changed).clip(0, 255).astype(np.uint8) for name, changed in found.items()}


def partners(rows: Rows, usable: Mask, seed: int = 0) -> list[tuple[int | None, int | None]]:
    """For each row, the position of one of the same class and of one of another class; only usable ones."""
    rng = np.random.default_rng(seed)
    labels = np.array([row['gt_label'] for row in rows])
    found = []
    for i in range(len(rows)):
        same = np.flatnonzero(usable & (labels == labels[i]))
        same, other = same[same != i], np.flatnonzero(usable & (labels != labels[i]))
        found.append(tuple(int(rng.choice(among)) if len(among) else None for among in (same, other)))
    return [(same, other) for same, other in found]


def exchanged(rows: Rows, run: Run, split: str, everyone: Rows) -> list[dict[str, Any]]:
    """A shard of the images: ``image_id``, ``label``, ``answers`` by ``clean`` and variant; no answers where the image
    has no box, or one that fills more than `LARGEST`.

    Args:
        everyone: all that are looked at, which lend their surroundings.
    """
    one = subject(run, split)
    animals = one.animals(rows)
    area = animals.mean(axis=(1, 2))
    result = []
    lenders = _lenders(one, everyone)
    for row, animal, share in zip(rows, animals, area):
        if not 0 < share <= LARGEST:
            result.append(dict(image_id=row['image_id'], label=row['gt_label'], answers={}))
            continue
        pixels = one.images([row])
        same, other = lenders[row['image_id']]
        made = variants(one.pictures(pixels)[0], animal, *(
            (one.pictures(one.images([lent]))[0], one.animals([lent])[0]) if lent else None for lent in (same, other)))
        answers = one.predictions(one.from_pictures(np.stack([one.pictures(pixels)[0], *made.values()]))).tolist()
        result.append(dict(image_id=row['image_id'], label=row['gt_label'],
                           answers=dict(zip(('clean', *made), answers))))
    return result


def _lenders(one: Any, everyone: Rows) -> dict[int, tuple[Any, Any]]:
    """By image id, the rows whose surroundings it gets; the same in every shard."""
    known = one.__dict__.setdefault('_lenders', {})
    key = tuple(row['image_id'] for row in everyone)
    if key not in known:
        share = one.animals(everyone).mean(axis=(1, 2))
        chosen = partners(everyone, (share > 0) & (share <= LARGEST))
        known[key] = {row['image_id']: tuple(everyone[i] if i is not None else None for i in pair)
                      for row, pair in zip(everyone, chosen)}
    found: dict[int, tuple[Any, Any]] = known[key]
    return found
