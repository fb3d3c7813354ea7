"""Picture sheets of 1,300 pixels: a title, pictures with captions, and a legend of the colours."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipelines.core import images

WIDTH = 1300
_GAP, _LINE, _SIZE = 8, 17, 14
_BOX = images.ANNOTATED
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Cell:
    """A picture, (H, W, 3) RGB, and what is said under it; None: an empty place."""
    picture: Picture | None
    caption: str = ''


def colours(maps: NDArray[np.floating]) -> Picture:
    """(..., ) in [0, 1] -> (..., 3): cividis, which the colour-blind read as others do."""
    import matplotlib

    found: Picture = (matplotlib.colormaps['cividis'](maps)[..., :3] * 255).round().astype(np.uint8)
    return found


def overlaid(picture: Picture, heat: NDArray[np.floating]) -> Picture:
    """A map over its picture in grey, so that only the map has colours."""
    grey = picture.astype(float).mean(axis=2, keepdims=True)
    found: Picture = (0.45 * grey + 0.55 * colours(heat)).round().astype(np.uint8)
    return found


def outlined(picture: Picture, mask: NDArray[np.bool_]) -> Picture:
    """With the border of a mask's boxes."""
    inner = mask.copy()
    inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    inner[[0, -1]] = inner[:, [0, -1]] = False
    found = picture.copy()
    found[mask & ~inner] = _BOX
    return found


def _font(size: int = _SIZE) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def save(path: Path, title: str, cells: Sequence[Cell], *, columns: int, legend: tuple[str, str] | None = None) -> None:
    """Write a sheet as JPEG.

    Args:
        cells: row by row.
        legend: what the two ends of the colour map mean.
    """
    side = (WIDTH - _GAP) // columns - _GAP
    letters = side // 7
    captions = [wrap(cell.caption, letters)[:3] for cell in cells]
    rows = [range(start, min(start + columns, len(cells))) for start in range(0, len(cells), columns)]
    lines = [max(len(captions[i]) for i in row) for row in rows]
    heads = wrap(title, WIDTH // 9)
    height = len(heads) * 24 + 2 * _GAP + sum(side + count * _LINE + _GAP for count in lines) + (30 if legend else 0)
    sheet = Image.new('RGB', (WIDTH, height), 'white')
    draw, y = ImageDraw.Draw(sheet), _GAP
    for head in heads:
        draw.text((_GAP, y), head, 'black', _font(18))
        y += 24
    for row, count in zip(rows, lines):
        for column, i in enumerate(row):
            x = _GAP + column * (side + _GAP)
            if (picture := cells[i].picture) is not None:
                small = Image.fromarray(images.fit(picture, side))
                sheet.paste(small, (x + (side - small.width) // 2, y + (side - small.height) // 2))
            for number, line in enumerate(captions[i]):
                draw.text((x, y + side + 1 + number * _LINE), line, 'black', _font())
        y += side + count * _LINE + _GAP
    if legend:
        _legend(sheet, draw, y, legend)
    sheet.save(path, quality=88)


def _legend(sheet: Image.Image, draw: ImageDraw.ImageDraw, y: int, ends: tuple[str, str]) -> None:
    bar = colours(np.repeat(np.linspace(0, 1, 240)[None], 14, axis=0))
    low = int(draw.textlength(ends[0], _font()))
    draw.text((_GAP, y), ends[0], 'black', _font())
    sheet.paste(Image.fromarray(bar), (2 * _GAP + low, y + 3))
    draw.text((3 * _GAP + low + 240, y), ends[1], 'black', _font())
