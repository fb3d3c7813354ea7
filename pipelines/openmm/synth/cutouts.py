"""Pixels of recombination: an animal cut out by its box, the scene without its animals, and one put into the other.

Images are (H, W, 3) RGB uint8, boxes xyxy in their pixels, half-open.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
WORKING = 160  # pixels of the longer side of a box in which its animal is looked for: finer edges cost, and show little
_CONTEXT, _ROUNDS = 0.2, 4  # of the box's sides around it, for the colours of the scene; of GrabCut
_CORES = (0, 0.35, 0.6)  # tried one after the other: a coat in the scene's colours needs to be told from it


def cut(picture: Pixels, box: Sequence[float]) -> tuple[Pixels, bool]:
    """The animal of a box by GrabCut; where its mask is not plausible, a feathered ellipse.

    Returns:
        (h, w, 4): the pixels of the box and how much of each is animal, 0 to 255; and whether GrabCut found it.
    Source: Rother et al. 2004, GrabCut; Dwibedi et al. 2017, Cut, Paste and Learn (arXiv 1708.01642).
    """
    import cv2

    x1, y1, x2, y2 = _whole(box, picture)
    pixels = picture[y1:y2, x1:x2]
    masks = (_grabbed(picture, (x1, y1, x2, y2), core) for core in _CORES)
    mask = next((mask for mask in masks if is_plausible(mask)), None)
    if mask is not None:
        alpha = cv2.resize(mask, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    else:
        alpha = ellipse(*pixels.shape[:2])
    return np.dstack([pixels, alpha]), mask is not None


def _whole(box: Sequence[float], picture: Pixels) -> tuple[int, int, int, int]:
    """A box in whole pixels, inside of the picture, of one pixel at least."""
    height, width = picture.shape[:2]
    x1, y1 = min(max(int(box[0]), 0), width - 1), min(max(int(box[1]), 0), height - 1)
    return x1, y1, max(min(round(box[2]), width), x1 + 1), max(min(round(box[3]), height), y1 + 1)


def _grabbed(picture: Pixels, box: tuple[int, int, int, int], core: float) -> Pixels:
    """(h, w) how much animal, 0 to 255, in the pixels of a box, shrunk to `WORKING`.

    Args:
        core: an ellipse of so much of the box is animal for certain.
    """
    import cv2

    height, width = picture.shape[:2]
    x1, y1, x2, y2 = box
    left, top = (round(side * _CONTEXT) + 2 for side in (x2 - x1, y2 - y1))
    area = max(x1 - left, 0), max(y1 - top, 0), min(x2 + left, width), min(y2 + top, height)
    around = picture[area[1]:area[3], area[0]:area[2]]
    scale = min(1.0, WORKING / max(x2 - x1, y2 - y1))
    small = cv2.resize(around, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else around
    x, y = round((x1 - area[0]) * scale), round((y1 - area[1]) * scale)
    w, h = (max(round(side * scale), 1) for side in (x2 - x1, y2 - y1))
    mask = np.zeros(small.shape[:2], np.uint8)
    if min(w, h) < 8 or (w, h) == mask.shape[::-1]:  # nothing to tell an animal from
        return np.zeros((h, w), np.uint8)
    mask[y:y + h, x:x + w] = cv2.GC_PR_FGD
    if core:
        axes = round(w * core / 2), round(h * core / 2)
        cv2.ellipse(mask, (x + w // 2, y + h // 2), axes, 0, 0, 360, cv2.GC_FGD, cv2.FILLED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its mixtures of colours begin at random
    cv2.grabCut(np.ascontiguousarray(small), mask, (0, 0, 0, 0), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    return _tidied(found[y:y + h, x:x + w])


def _tidied(mask: NDArray[np.bool_]) -> Pixels:
    """The largest piece, without small holes, with an edge of a pixel or two."""
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels, figures, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
    if count < 2:
        return np.zeros(mask.shape, np.uint8)
    piece = (labels == 1 + figures[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    count, labels, figures, _ = cv2.connectedComponentsWithStats(1 - piece, connectivity=4)
    small = [number for number in range(1, count) if figures[number, cv2.CC_STAT_AREA] < 0.02 * piece.sum()]
    piece[np.isin(labels, small)] = 1
    alpha: Pixels = cv2.GaussianBlur(piece * 255, (0, 0), 0.8)
    return np.clip(2 * (alpha.astype(np.int16) - 127), 0, 255).astype(np.uint8)  # its inner half: the rest is scene


def is_plausible(mask: Pixels) -> bool:
    """Whether a mask may be an animal: it covers 10 to 95 % of its box, and reaches over 75 % of it each way."""
    inside = mask > 127
    if not 0.1 <= inside.mean() <= 0.95:
        return False
    return all(np.ptp(np.flatnonzero(inside.any(axis=axis))) + 1 >= 0.75 * inside.shape[1 - axis] for axis in (0, 1))


def ellipse(height: int, width: int) -> Pixels:
    """(height, width): 255 within a superellipse that fills the box, falling to 0 over its outer fifth.

    Of fourth order, as a plain one leaves out head and tail.
    """
    y, x = (((np.arange(side) + 0.5) / side * 2 - 1) ** 4 for side in (height, width))
    radius = (y[:, None] + x) ** 0.25
    alpha: Pixels = (np.clip((1 - radius) / 0.2, 0, 1) * 255).round().astype(np.uint8)
    return alpha


def scene(picture: Pixels, animals: Sequence[tuple[Sequence[float], Pixels | None]]) -> tuple[Pixels, Pixels]:
    """A picture without its animals.

    Args:
        animals: box of each and, where it is known, its mask in the pixels of the box.
    Returns:
        the picture, inpainted where they were; and (H, W) where that is: 255.
    Source: Telea 2004, An Image Inpainting Technique Based on the Fast Marching Method.
    """
    import cv2

    hole = np.zeros(picture.shape[:2], np.uint8)
    for box, mask in animals:
        x1, y1, x2, y2 = _whole(box, picture)
        inside = hole[y1:y2, x1:x2]
        inside[...] = 255 if mask is None else np.maximum(inside, (mask > 0) * np.uint8(255))
    reach = 2 * max(2, round(max(picture.shape) / 100)) + 1  # shadows and fur around it
    hole[...] = cv2.dilate(hole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return _filled(picture, hole), hole


def _filled(picture: Pixels, hole: Pixels) -> Pixels:
    """Inpainted at a quarter of the size, as nothing is known of detail there, with as much grain as the rest has."""
    import cv2

    if not hole.any() or hole.all():
        return picture
    height, width = hole.shape
    small = max(width // 4, 1), max(height // 4, 1)
    coarse = cv2.resize(hole, small, interpolation=cv2.INTER_AREA)
    shrunk = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cv2.inpaint(shrunk, (coarse > 0).astype(np.uint8), 3, cv2.INPAINT_TELEA), (width, height),
                         interpolation=cv2.INTER_CUBIC)
    detail = picture[hole == 0] - cv2.GaussianBlur(picture, (0, 0), 1.0)[hole == 0].astype(np.float32)
    grain = 1.4826 * float(np.median(np.abs(detail)))  # a standard deviation, without edges
    noise = np.random.default_rng(0).normal(0, grain, picture.shape[:2]).astype(np.float32)
    weight = np.maximum(cv2.GaussianBlur(hole, (0, 0), 1.5), hole)[..., None] / np.float32(255)
    mixed = picture * (1 - weight) + (blurred + noise[..., None]) * weight
    return mixed.round().clip(0, 255).astype(np.uint8)


def put(animal: Pixels, ground: Pixels, corner: tuple[int, int], size: tuple[int, int], *, flip: bool) -> Pixels:
    """An animal in a scene.

    Args:
        animal: (h, w, 4), as `cut` gives it.
        corner, size: of its box in the scene: x and y; width and height.
        flip: left to right.
    """
    import cv2

    shrinks = size[0] < animal.shape[1]
    resized = cv2.resize(animal, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    resized = resized[:, ::-1] if flip else resized
    (x, y), (height, width) = corner, ground.shape[:2]
    x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + size[0], width), min(y + size[1], height)
    part = resized[y1 - y:y2 - y, x1 - x:x2 - x].astype(np.float32)
    alpha, found = part[..., 3:] / 255, ground.copy()
    found[y1:y2, x1:x2] = (part[..., :3] * alpha + ground[y1:y2, x1:x2] * (1 - alpha)).round()
    return found
