"""Reading, cutting and writing images: RGB uint8 arrays (H, W, 3) in the frame a viewer shows (EXIF applied)."""
from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import ArrayLike, NDArray
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from pipelines.core import jpeg
from pipelines.core.boxes import EXIF_STEPS, whole_pixels
from pipelines.core.errors import DamagedError, InputError
from pipelines.core.files import read_head, read_whole

MAX_PIXELS = 1 << 25  # whatever the format, decoding so many stays under 500 MB (docs/reliability.md)
ANNOTATED, DETECTED = (0, 114, 178), (230, 159, 0)  # of boxes, for the colour-blind, too (Okabe and Ito)
_MAX_BYTES = 1 << 27
_HEADER_BYTES = 1 << 11
_LONG_HEADER_BYTES = 1 << 20  # of a camera: with a small picture of the picture in it
_COARSE = ('420', '411', 'Gray')  # simplejpeg's names
_FORMATS = ('JPEG', 'PNG', 'GIF', 'BMP', 'WEBP')  # not those that start programs (EPS) or scale while loading (TIFF)
_ORIENTATION = 0x0112  # EXIF tag
_REMEDY = 'replace the file, or take the image out of the dataset'


class Picture(NamedTuple):
    """An image's pixels, and what they are of.

    Args:
        pixels: (H, W, 3) RGB uint8, as a viewer shows them.
        sampling: of its chroma: ``420`` where that is a quarter of the samples or none, else ``444``.
        size: width and height of the image in pixels, in which its boxes are.
        scale: the pixels are of the image shrunk to 1/scale: 1, 2, 4 or 8.
        missing: of the image's pixels that the first column and the first row of ``pixels`` would cover, how many the
            image has not: turned pictures have the incomplete ones first.
        sha256: of the file, where it was asked for.
    """
    pixels: NDArray[np.uint8]
    sampling: str
    size: tuple[int, int]
    scale: int = 1
    missing: tuple[int, int] = (0, 0)
    sha256: str = ''

    def shrunk(self, xyxy: ArrayLike) -> NDArray[np.float64]:
        """(N, 4) boxes in the image's frame -> in that of ``pixels``."""
        return (np.asarray(xyxy, float).reshape(-1, 4) + (*self.missing, *self.missing)) / self.scale

    def whole(self, xyxy: Sequence[int]) -> Sequence[int]:
        """A box of whole pixels in the image's frame -> in that of ``pixels``, also whole; a square stays one."""
        if self.scale == 1:
            return xyxy
        height, width = self.pixels.shape[:2]
        found: list[int] = whole_pixels(self.shrunk(xyxy), np.array([width, height]))[0].tolist()
        return found


@contextlib.contextmanager
def _refusing(path: str | Path, expected: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # on damaged bytes Pillow raises nearly anything
        found = ' '.join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):  # Pillow's words have an address in memory
            found = f'nothing that begins as {", ".join(_FORMATS)} does'
        kind = InputError if getattr(error, 'errno', None) else DamagedError  # no file, or a disk that fails
        raise kind(path, expected=expected, found=found, remedy=_REMEDY) from None


def _check_pixels(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        raise ValueError(f'{width} x {height} pixels, a decompression bomb (more than {limit:,})')


def _check_jpeg(size: tuple[int, int], path: str | Path) -> None:
    """Refuse what `jpeg.scale` does, having read no more than the header."""
    if size[0] * size[1] <= MAX_PIXELS:
        return
    header = read_head(path, _LONG_HEADER_BYTES)
    if not jpeg.has_scan(header):  # more than a camera writes stands in front of the picture
        header = read_whole(path, _MAX_BYTES)
    jpeg.scale(size, header, os.path.getsize(path), MAX_PIXELS)


def _open(source: str | Path | io.BytesIO) -> Image.Image:
    """A picture whose header says that it is one; if no JPEG, not too large. Pillow's own guard is off after sahi ran.

    A JPEG is opened without that guard, which stops at 179 million pixels, and without a look at what follows the
    picture: the first of several is the photo.
    """
    try:
        return JpegImagePlugin.JpegImageFile(source)
    except SyntaxError:  # Pillow's word for another format
        if isinstance(source, io.BytesIO):
            source.seek(0)
    image = Image.open(source, formats=_FORMATS)
    _check_pixels(*image.size, MAX_PIXELS // 2 if image.format == 'WEBP' else MAX_PIXELS)  # WebP is held twice
    if getattr(image, 'is_animated', False):
        raise ValueError(f'an animated {image.format}, which is several pictures')
    return image


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(_ORIENTATION)
    return int(value) if value in EXIF_STEPS else 1


def frame(path: str | Path) -> tuple[tuple[int, int], int]:
    """Width and height in pixels, EXIF orientation applied, and that orientation (1 to 8); from the header alone.

    Raises:
        InputError: not there.
        DamagedError: no image, or one that `decode` would refuse for its size.
    """
    with _refusing(path, 'an image'):
        if plain := jpeg.plain_size(read_head(path, _HEADER_BYTES)):  # in a tenth of Pillow's time
            _check_jpeg(plain, path)
            return plain, 1
        with _open(path) as image:
            if image.format == 'JPEG':
                _check_jpeg(image.size, path)
            turned = _orientation(image)
            return image.size[::-1] if turned >= 5 else image.size, turned


def size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels, as `frame`."""
    return frame(path)[0]


def decode(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: the pixels of `read`, fewer than the image has where those are too many."""
    return read(path).pixels


def read(path: str | Path, *, smooth: bool = True, hashed: bool = False) -> Picture:
    """A picture as a viewer shows it; the first of a file with more, transparency left out.

    A JPEG of more than `MAX_PIXELS` is decoded at 1/2, 1/4 or 1/8, the largest that fits: its pixels are means over
    so many of the photograph's.

    A JPEG that libjpeg so much as warns of is an error (OpenCV and Pillow would return a picture), as is one with a
    zeroed run (`jpeg`) and a PNG with a wrong checksum. Other damage that leaves the code valid cannot be told.

    Args:
        smooth: interpolate the chroma of a JPEG that is 4:2:0 or coarser, as viewers do. Repeated instead, it is what
            the file has: sooner decoded, and closer to the photograph once it is subsampled again (docs/decisions.md).
        hashed: give the file's SHA-256, too.
    Raises:
        InputError: not there.
        DamagedError: not an image, damaged, animated, or too large: of more than `MAX_PIXELS` in another format, or
            beyond what `jpeg.scale` allows.
    """
    with _refusing(path, 'an undamaged image'):
        data = read_whole(path, _MAX_BYTES)
        picture = _picture(data, smooth)
    return picture._replace(sha256=hashlib.sha256(data).hexdigest()) if hashed else picture


def parse(data: bytes, name: str) -> Picture:
    """A picture as `read` gives it, from the bytes of its file.

    Args:
        name: in place of the path, in errors.
    Raises:
        DamagedError: as `read`.
    """
    with _refusing(name, 'an undamaged image'):
        return _picture(data, True)


def _picture(data: bytes, smooth: bool) -> Picture:
    if plain := jpeg.plain_size(data[:_HEADER_BYTES]):
        scale = jpeg.scale(plain, data, len(data), MAX_PIXELS)
        return Picture(*_strict(data, plain, 'RGB', smooth, scale), plain, scale)
    return _with_pillow(data, smooth)


def _with_pillow(data: bytes, smooth: bool) -> Picture:
    image, pixels, sampling, scale = _open(io.BytesIO(data)), None, '444', 1
    if image.format == 'PNG':
        image.verify()  # checksums, which loading leaves out; afterwards the image cannot be loaded
        image = _open(io.BytesIO(data))
    turned, size = _orientation(image), image.size
    if image.format == 'JPEG':
        inks, scale = image.mode == 'CMYK', jpeg.scale(size, data, len(data), MAX_PIXELS)
        pixels, sampling = _strict(data, size, 'CMYK' if inks else 'RGB', smooth, scale)
        if inks:  # only Pillow knows when they are inverted, and there is no room to have them twice
            pixels = None
            image.draft(None, (size[0] // scale, size[1] // scale))
    if pixels is None:
        if image.mode.startswith('I;16'):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode != 'RGB':
            image = image.convert('RGB')
        pixels = np.asarray(image)
    size = size[::-1] if turned >= 5 else size
    columns, rows = EXIF_STEPS[turned]
    if turned != 1:
        pixels = np.ascontiguousarray((pixels.swapaxes(0, 1) if turned >= 5 else pixels)[::rows, ::columns])
    missing = (-size[0] % scale if columns < 0 else 0, -size[1] % scale if rows < 0 else 0)
    return Picture(pixels, sampling, size, scale, missing)


def _strict(data: bytes, size: tuple[int, int], space: str, smooth: bool,
            scale: int) -> tuple[NDArray[np.uint8], str]:
    """A JPEG, decoded without tolerance at 1/scale, and the chroma subsampling of these pixels."""
    height, width, _, sampling = simplejpeg.decode_jpeg_header(data)
    if (width, height) != size:
        raise ValueError('a header that can be read in two ways')
    if jpeg.has_zeroed_run(data):
        raise ValueError('a run of zeros in its code')
    coarse = sampling in _COARSE and (scale == 1 or sampling == 'Gray')  # shrunk, its chroma is as fine as its pixels
    smaller = {} if scale == 1 else dict(min_height=-(-height // scale), min_width=-(-width // scale))
    return (simplejpeg.decode_jpeg(data, space, fastupsample=coarse and not smooth, strict=True, **smaller),
            '420' if coarse else '444')


def crop(image: NDArray[np.uint8], xyxy: Sequence[int], fill: int = 114) -> NDArray[np.uint8]:
    """Cut one box of whole pixels, xyxy; what lies outside the image is filled with grey."""
    x1, y1, x2, y2 = xyxy
    height, width = image.shape[:2]
    inside = image[max(y1, 0):min(y2, height), max(x1, 0):min(x2, width)]
    if inside.shape[:2] == (y2 - y1, x2 - x1):
        return inside
    out = np.full((y2 - y1, x2 - x1, 3), fill, np.uint8)
    top, left = max(-y1, 0), max(-x1, 0)
    out[top:top + inside.shape[0], left:left + inside.shape[1]] = inside
    return out


def fit(image: NDArray[np.uint8], longer: int) -> NDArray[np.uint8]:
    """Resize so that the longer side has this many pixels.

    Bicubic when growing, area averaging when shrinking to half or less, and bilinear between, where its two pixels
    cover what one of the result does: a sixth of the time of averaging.
    """
    import cv2

    height, width = image.shape[:2]
    scale = longer / max(height, width)
    new = (max(round(width * scale), 1), max(round(height * scale), 1))
    resized: NDArray[Any] = cv2.resize(image, new, interpolation=cv2.INTER_CUBIC if scale > 1 else
                                       cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA)
    return resized


def encode_jpeg(image: NDArray[np.uint8], quality: int, sampling: str = '444') -> bytes:
    """JPEG, with a chroma subsampling of ``444`` or ``420``; below quality 90 always of ``420``."""
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, 'RGB',
                                         sampling if quality >= 90 else '420')
    return data


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """PNG, as OpenCV compresses it by default: an eighth of the time of Pillow's default for files 4 % larger."""
    import cv2

    return cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def draw_boxes(image: NDArray[np.uint8], xyxy: NDArray[np.float64], colour: tuple[int, int, int],
               width: int = 2) -> NDArray[np.uint8]:
    """A copy of the image with (N, 4) boxes outlined."""
    from PIL import ImageDraw

    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for box in np.asarray(xyxy, float).reshape(-1, 4):
        draw.rectangle(box.tolist(), outline=colour, width=width)
    return np.asarray(picture)


def contact_sheet(pictures: list[NDArray[np.uint8]], captions: list[str], *, columns: int,
                  cell: int = 160) -> Image.Image:
    """Pictures of any size in a captioned grid, each fitted into a square cell."""
    from PIL import ImageDraw

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
