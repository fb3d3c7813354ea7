"""Box arithmetic on (N, 4) arrays; the name says the frame. Pixels, half-open, origin top-left.

``image_wh`` is an image's width and height in pixels, (2,), or (N, 2) where each box has an image of its own.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# EXIF orientation: steps along x and y, after these were exchanged (5 to 8)
EXIF_STEPS = {1: (1, 1), 2: (-1, 1), 3: (-1, -1), 4: (1, -1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}


def xywh_to_xyxy(xywh: ArrayLike) -> NDArray[np.float64]:
    """(N, 4) left, top, width, height -> (N, 4) left, top, right, bottom."""
    x, y, w, h = np.asarray(xywh, float).reshape(-1, 4).T
    return np.stack([x, y, x + w, y + h], axis=1)


def xyxy_to_xywh(xyxy: ArrayLike) -> NDArray[np.float64]:
    """(N, 4) left, top, right, bottom -> (N, 4) left, top, width, height."""
    x1, y1, x2, y2 = np.asarray(xyxy, float).reshape(-1, 4).T
    return np.stack([x1, y1, x2 - x1, y2 - y1], axis=1)


def clip(xyxy: ArrayLike, image_wh: ArrayLike) -> NDArray[np.float64]:
    """Cut boxes at the image's border; a box outside it loses its area."""
    border = np.asarray(image_wh)
    return np.clip(np.asarray(xyxy, float).reshape(-1, 4), 0, np.concatenate([border, border], axis=-1))


def turn(xyxy: ArrayLike, stored_wh: tuple[int, int], orientation: int) -> NDArray[np.float64]:
    """Boxes in the frame of a picture's stored pixels -> in the frame that a viewer shows.

    Args:
        xyxy: (N, 4) pixels.
        stored_wh: width and height as stored, before turning.
        orientation: EXIF's, 1 to 8.
    Returns:
        (N, 4) pixels.
    """
    corners: NDArray[np.float64] = np.asarray(xyxy, float).reshape(-1, 2, 2)
    size: NDArray[np.float64] = np.asarray(stored_wh, float)
    if orientation >= 5:
        corners, size = corners[..., ::-1], size[::-1]
    corners = np.where(np.array(EXIF_STEPS[orientation]) < 0, size - corners[:, ::-1], corners)
    return corners.reshape(-1, 4)


def area(xyxy: ArrayLike) -> NDArray[np.float64]:
    """(N,) square pixels; 0 for an inverted box."""
    x1, y1, x2, y2 = np.asarray(xyxy, float).reshape(-1, 4).T
    product: NDArray[np.float64] = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    return product


def iou(a_xyxy: ArrayLike, b_xyxy: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every pair.

    Args:
        a_xyxy: (N, 4).
        b_xyxy: (M, 4).
    Returns:
        (N, M) in [0, 1]; 0 where both boxes have no area.
    """
    a, b = np.asarray(a_xyxy, float).reshape(-1, 1, 4), np.asarray(b_xyxy, float).reshape(1, -1, 4)
    overlap = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(-1)
    union = area(a)[:, None] + area(b)[None, :] - overlap
    shares: NDArray[np.float64] = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return shares


def _check_area(xyxy: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~(area(xyxy) > 0))  # NaN too
    if bad.size:
        raise ValueError(f'box {bad[0]} has no area: {xyxy[bad[0]].tolist()}')


def grow(xyxy: ArrayLike, margin: float, image_wh: ArrayLike) -> NDArray[np.float64]:
    """Widen boxes about their centres by a share of their own size, and clip.

    Args:
        xyxy: (N, 4) pixels.
        margin: added on each side, as a share of the width (left, right) and of the height (top, bottom).
    Raises:
        ValueError: a box without area.
    """
    boxes = np.asarray(xyxy, float).reshape(-1, 4)
    _check_area(boxes)
    pad = (boxes[:, 2:] - boxes[:, :2]) * margin
    return clip(np.concatenate([boxes[:, :2] - pad, boxes[:, 2:] + pad], axis=1), image_wh)


def square(xyxy: ArrayLike, image_wh: ArrayLike) -> NDArray[np.float64]:
    """Grow boxes to squares about their centres, shifted to stay inside the image.

    Args:
        xyxy: (N, 4) pixels, half-open, origin top-left.
    Returns:
        (N, 4) pixels; side = the longer side. Where the image is smaller than that, the square reaches out of it
        evenly on both sides, to be padded.
    Raises:
        ValueError: a box without area.
    Source: ours; strategy 2 of the 2023 slides ("the nearest square shape to the predicted box").
    """
    boxes = np.asarray(xyxy, float).reshape(-1, 4)
    _check_area(boxes)
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    size = np.asarray(image_wh, float)
    start = (boxes[:, :2] + boxes[:, 2:] - side) / 2
    start = np.where(side <= size, np.clip(start, 0, np.maximum(size - side, 0)), (size - side) / 2)
    return np.concatenate([start, start + side], axis=1)


def at_least(xyxy: ArrayLike, longer: float, image_wh: ArrayLike) -> NDArray[np.float64]:
    """Grow small boxes about their centres, in proportion, and shift them inside the image.

    Args:
        xyxy: (N, 4) pixels, half-open, inside the image, with area.
        longer: what the longer side is to measure at least; an image that is smaller limits it.
    Returns:
        (N, 4); boxes that are large enough are unchanged.
    Raises:
        ValueError: a box without area.
    """
    boxes = np.asarray(xyxy, float).reshape(-1, 4)
    _check_area(boxes)
    size = boxes[:, 2:] - boxes[:, :2]
    factor = longer / size.max(axis=1, keepdims=True)
    grown = np.minimum(size * np.maximum(factor, 1), image_wh)
    start = np.clip((boxes[:, :2] + boxes[:, 2:] - grown) / 2, 0, image_wh - grown)
    return np.where(factor > 1, np.concatenate([start, start + grown], axis=1), boxes)


def whole_pixels(xyxy: ArrayLike, image_wh: ArrayLike) -> NDArray[np.int64]:
    """Round boxes to whole pixels: the sides first, then the place, so that a square stays one.

    A side has at least 1 pixel, an edge moves by less than 1, and no box inside the image leaves it.
    """
    boxes = np.asarray(xyxy, float).reshape(-1, 4)
    side = np.maximum(np.rint(boxes[:, 2:] - boxes[:, :2]), 1)
    room = np.asarray(image_wh) - side
    start = np.rint((boxes[:, :2] + boxes[:, 2:] - side) / 2)
    start = np.where(room >= 0, np.clip(start, 0, np.maximum(room, 0)), np.floor(room / 2))
    pixels: NDArray[np.int64] = np.concatenate([start, start + side], axis=1).astype(int)
    return pixels
