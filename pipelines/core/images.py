"""Reading, cutting and writing images: RGB uint8 arrays (H, W, 3) in the frame a viewer shows (EXIF applied)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from pipelines.core.errors import InputError

_ORIENTATION = 0x0112  # EXIF tag; values 5 to 8 swap width and height
_REMEDY = 'replace the file, or take the image out of the dataset'


def size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone, EXIF orientation applied.

    Raises:
        InputError: not there or no image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(_ORIENTATION, 1) >= 5 else (width, height)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(path, expected='an image', found=str(error), remedy=_REMEDY) from None


def decode(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB; a truncated or damaged JPEG is an error (OpenCV would return a picture).

    Raises:
        InputError: not there, not an image, or damaged.
    """
    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(_ORIENTATION, 1)
            if image.format == 'JPEG' and image.mode in ('L', 'RGB') and orientation == 1:
                return simplejpeg.decode_jpeg(path.read_bytes(), 'RGB', strict=True)
            return np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(path, expected='an undamaged image', found=str(error), remedy=_REMEDY) from None


def crop(image: NDArray[np.uint8], xyxy: NDArray[np.float64], fill: int = 114) -> NDArray[np.uint8]:
    """Cut one box, rounded to whole pixels; what lies outside the image is filled with grey."""
    x1, y1, x2, y2 = np.rint(xyxy).astype(int)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    height, width = image.shape[:2]
    inside = image[max(y1, 0):min(y2, height), max(x1, 0):min(x2, width)]
    if inside.shape[:2] == (y2 - y1, x2 - x1):
        return inside
    out = np.full((y2 - y1, x2 - x1, 3), fill, np.uint8)
    top, left = max(-y1, 0), max(-x1, 0)
    out[top:top + inside.shape[0], left:left + inside.shape[1]] = inside
    return out


def fit(image: NDArray[np.uint8], longer: int) -> NDArray[np.uint8]:
    """Resize so that the longer side has this many pixels; area averaging when shrinking, bicubic when growing."""
    import cv2

    height, width = image.shape[:2]
    scale = longer / max(height, width)
    new = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, new, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, 'RGB', '444' if quality >= 90 else '420')


def draw_boxes(image: NDArray[np.uint8], xyxy: NDArray[np.float64], colour: tuple[int, int, int],
               width: int = 2) -> NDArray[np.uint8]:
    """A copy of the image with (N, 4) boxes outlined."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for box in np.asarray(xyxy, float).reshape(-1, 4):
        draw.rectangle(box.tolist(), outline=colour, width=width)
    return np.asarray(picture)


def contact_sheet(pictures: list[NDArray[np.uint8]], captions: list[str], *, columns: int,
                  cell: int = 160) -> Image.Image:
    """Pictures of any size in a captioned grid, each fitted into a square cell."""
    rows = -(-len(pictures) // columns)
    line = 14 if any(captions) else 0
    sheet = Image.new('RGB', (columns * (cell + 6), rows * (cell + line + 6)), 'white')
    draw = ImageDraw.Draw(sheet)
    for i, (picture, caption) in enumerate(zip(pictures, captions)):
        x, y = i % columns * (cell + 6) + 3, i // columns * (cell + line + 6) + 3
        small = Image.fromarray(fit(picture, cell))
        sheet.paste(small, (x + (cell - small.width) // 2, y + (cell - small.height) // 2))
        draw.text((x, y + cell), caption[:cell // 6], 'black')
    return sheet
