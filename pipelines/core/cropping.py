"""Which pixels a box gives, and how they are shrunk and encoded: what crop and prediction share, without a folder.

A kind of crop is spelt SHAPE[-mNN][-gt]:

    full     the whole image
    box      the box, widened by its margin on each side
    square   the nearest square to that: the longer side about the centre, shifted to stay inside the image, padded with
             grey only where the image is smaller

    -mNN     a margin of NN % of the box's width (left, right) and height (top, bottom) in place of 10 %
    -gt      annotated boxes in all splits, whatever the splits are cut by otherwise
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.core import boxes, images
from pipelines.core.errors import InputError

SHAPES = ('full', 'box', 'square')
MARGIN = 10  # percent
MOST_MARGIN = 500
_SPELLING = re.compile(r'(?P<shape>[a-z]+)(?:-m(?P<margin>[0-9]+))?(?P<gt>-gt)?')
_REMEDY = 'spell it SHAPE[-mNN][-gt], as in full, box, square, square-m30, square-gt, square-m30-gt'


@dataclass(frozen=True)
class Kind:
    """A kind of crop.

    Args:
        shape: one of `SHAPES`.
        margin: percent of the box's size that are added on each side.
        annotated: cut by annotated boxes in all splits.
    """
    shape: str
    margin: int = MARGIN
    annotated: bool = False

    def __str__(self) -> str:
        """The one spelling, which names its folder and its lists."""
        return self.shape + (f'-m{self.margin}' if self.margin != MARGIN else '') + ('-gt' if self.annotated else '')

    @classmethod
    def parse(cls, text: str, where: str = '--kinds') -> Kind:
        """A kind from its spelling.

        Raises:
            InputError: a spelling of none, or not the one spelling that a kind has.
        """
        found = _SPELLING.fullmatch(text)
        if not found or found['shape'] not in SHAPES:
            raise InputError(where, expected=f'a kind of crop: {", ".join(SHAPES)}, with -mNN for a margin in percent '
                             'and -gt for annotated boxes', found=repr(text), remedy=_REMEDY)
        if found['shape'] == 'full' and text != 'full':
            raise InputError(where, expected='full alone, as the whole image has neither margin nor box', found=text,
                             remedy='write full')
        if found['margin'] and int(found['margin']) > MOST_MARGIN:
            raise InputError(where, expected=f'a margin from 0 to {MOST_MARGIN} %', found=text,
                             remedy='choose a margin in that range')
        kind = cls(found['shape'], int(found['margin'] or MARGIN), bool(found['gt']))
        if str(kind) != text:  # two names for the same crops would be cut, stored and trained on twice
            raise InputError(where, expected=f'{kind}, the one name of these crops (a margin of {MARGIN} % is not '
                             'written, nor are zeros in front)', found=text, remedy=f'write {kind}')
        return kind


FULL = Kind('full')
DEFAULT_KINDS = (FULL, Kind('box'), Kind('square'))


def parse_kinds(texts: Iterable[str], where: str = '--kinds') -> tuple[Kind, ...]:
    """Kinds from their spellings, each once, in a fixed order, ``full`` first.

    ``full`` is always among them: it is a link, costs nothing, and says which images there are.

    Raises:
        InputError: as `Kind.parse`.
    """
    kinds = {FULL, *(Kind.parse(text, where) for text in texts)}
    return tuple(sorted(kinds, key=lambda kind: (SHAPES.index(kind.shape), kind.annotated, kind.margin)))


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
