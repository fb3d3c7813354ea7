"""Images that look the same although their bytes differ: copies of other size, quality or margin, and bursts.

Each image becomes 256 bits, the perceptual hash of imagehash (the signs of an image's low frequencies); images of which
few bits differ are near duplicates. Measured on 5,722 photographs of dogs and birds: copies of another quality, size or
aspect, brightened or grey differ in at most 16 bits, with 2 % cut off every side in 32 (median; 46 in 19 of 20). All 18
pairs of the photographs themselves up to 64 bits are of one scene, by eye; from 74 on there are others among them.
What is mirrored, turned or cut more is not found.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_BITS = 56  # of 256 that differ
_SIDE = 16  # 16 x 16 frequencies of 64 x 64 pixels
_AT_ONCE = 256  # images that are compared with all others


def hashed(pixels: NDArray[np.uint8]) -> str:
    """The hash of a picture, (H, W, 3) RGB, as 64 hexadecimal digits."""
    import cv2
    import imagehash
    from PIL import Image

    cv2.setNumThreads(1)  # the processes are the parallel part
    grey = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    # as imagehash shrinks it, in a fraction of the time: whole blocks of pixels are averaged first
    small = grey.resize((4 * _SIDE, 4 * _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return str(imagehash.phash(small, hash_size=_SIDE))


def pairs(hashes: Sequence[str], most: int = MOST_BITS) -> list[tuple[int, int, int]]:
    """All pairs of near duplicates: 20,000 images are 200 million pairs, and take seconds.

    Returns:
        (i, j, bits that differ), i < j.
    """
    import cv2
    from tqdm import tqdm

    rows = np.frombuffer(bytes.fromhex(''.join(hashes)), np.uint8).reshape(-1, _SIDE * _SIDE // 8)
    matcher, found = cv2.BFMatcher(cv2.NORM_HAMMING), []
    starts = range(0, len(rows), _AT_ONCE)
    for start in tqdm(starts, desc='[near duplicates]', unit='block', disable=len(rows) < 10_000):
        for i, near in enumerate(matcher.radiusMatch(rows[start:start + _AT_ONCE], rows[start:], most)):
            found += [(start + i, start + one.trainIdx, int(one.distance)) for one in near if one.trainIdx > i]
    return sorted(found)


def sets(hashes: Sequence[str]) -> list[list[int]]:
    """Positions of images that are near duplicates of each other, or of one in between, set by set."""
    top = list(range(len(hashes)))

    def first(i: int) -> int:
        while top[i] != i:
            top[i] = i = top[top[i]]
        return i

    for i, j, _ in pairs(hashes):
        low, high = sorted((first(i), first(j)))
        top[high] = low
    found: dict[int, list[int]] = {}
    for i in range(len(hashes)):
        found.setdefault(first(i), []).append(i)
    return [same for same in found.values() if len(same) > 1]
