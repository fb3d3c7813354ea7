"""Which pixels a box gives, and how they are shrunk and encoded: what crop and prediction share, without a folder."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.core import boxes, images
from pipelines.core.kinds import Kind


def plan(kind: Kind, xyxy: NDArray[np.float64], image_wh: NDArray[np.int64], min_size: int) -> NDArray[np.int64]:
    """The pixels that crops of one kind cover.

    Args:
        xyxy: (N, 4) boxes in the images' frames, in pixels, half-open; NaN: the whole image.
        image_wh: (N, 2) pixels.
        min_size: boxes whose longer side is shorter than so many pixels are grown to it first.
    Returns:
        (N, 4) xyxy in whole pixels; a square may reach out of its image, to be padded there.
    Raises:
        ValueError: a box without area.
    """
    whole = np.concatenate([np.zeros_like(image_wh), image_wh], axis=1)
    if kind.shape == 'full':
        return whole
    chosen = np.where(np.isnan(xyxy), whole, xyxy)
    grown = boxes.grow(boxes.at_least(chosen, min_size, image_wh), kind.margin / 100, image_wh)
    return boxes.whole_pixels(boxes.square(grown, image_wh) if kind.shape == 'square' else grown, image_wh)


def cut(picture: images.Picture, area: Sequence[int], size: int) -> NDArray[np.uint8]:
    """The pixels of one crop.

    Args:
        picture: the whole image, as `images.read` gives it.
        area: xyxy in the image's own frame, as `plan` gives it, however much smaller the picture was decoded.
        size: the most pixels that a side of the crop may have: a larger one is shrunk, none is enlarged, as that
            adds bytes and no detail.
    """
    found = images.crop(picture.pixels, picture.whole(area))
    return images.fit(found, size) if max(found.shape) > size else found


def encode(picture: images.Picture, area: Sequence[int], size: int, quality: int) -> bytes:
    """The JPEG of one crop; its chroma is as fine as the photograph's, finer where that is shrunk to half or less.

    Args:
        picture, area, size: see `cut`.
        quality: 1 to 100.
    """
    x1, y1, x2, y2 = picture.whole(area)
    fine = max(x2 - x1, y2 - y1) >= 2 * size
    return images.encode_jpeg(cut(picture, area, size), quality, '444' if fine else picture.sampling)
