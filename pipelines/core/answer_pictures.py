"""Photographs with what a chain says of them drawn on."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipelines.core import images
from pipelines.core.answers import NONE

UNSURE = (110, 110, 110)  # of boxes without an answer


def caption(row: dict[str, Any]) -> str:
    """What is said of an animal, in a few words."""
    answer = row['answer']
    return 'unsure' if answer['level'] == NONE else f'{answer["name"]} {answer["confidence"]:.2f}'


def draw(picture: images.Picture, rows: Sequence[dict[str, Any]], longer: int) -> NDArray[np.uint8]:
    """A picture, shrunk where it is larger, with boxes and answers.

    Args:
        rows: of animals: ``box`` (xyxy in the photograph; the whole one is not outlined) and ``answer``.
        longer: the most pixels that a side of the result has.
    """
    pixels = picture.pixels
    factor = min(1., longer / max(pixels.shape[:2]))
    shown = Image.fromarray(images.fit(pixels, longer) if factor < 1 else pixels)
    pen, size = ImageDraw.Draw(shown), max(11, round(max(shown.size) / 45))
    font = ImageFont.load_default(size)
    for row in reversed(rows):  # the best last, on top
        x1, y1, x2, y2 = (picture.shrunk(row['box'])[0] * factor).tolist()
        colour = UNSURE if row['answer']['level'] == NONE else images.DETECTED
        if row['score'] is not None:
            pen.rectangle((x1, y1, x2, y2), outline=colour, width=max(2, size // 6))
        text = caption(row)
        left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
        x, y = min(x1, shown.width - (right - left) - 4), y1 - (bottom - top) - 6
        x, y = max(x, 0), y if y >= 0 else y1 + 2
        pen.rectangle((x, y, x + right - left + 4, y + bottom - top + 6), fill=colour)
        pen.text((x + 2 - left, y + 3 - top), text, fill='white', font=font)
    return np.asarray(shown)
