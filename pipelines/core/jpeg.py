"""A JPEG's header, what its decoding takes, and damage that a decoder cannot see: a run of zeros where the code of a
picture cannot have one.

Huffman codes fall into step again: after a zeroed run a decoder reads on, in half of all cases without a warning, and
the picture is wrong from there on. With the tables of the standard's annex K, which most encoders use, 128 zero bits
are 42 coefficients of -1 one after the other: 400 photographs of Stanford Dogs had no zero run over 4 bytes, flat and
random drawings at any quality none over 2. Tables made for one picture can give its flat parts a code of zeros, so
nothing is said of those pictures.
"""
from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import simplejpeg

_RUN = bytes(16)
_HELD = 12  # bytes a pixel: of a CMYK picture, four coefficients and four inks
_DHT, _SOF0, _SOF2, _SOS, _FILL = 0xC4, 0xC0, 0xC2, 0xDA, 0xFF
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended, progressive
# tables, a comment, and application data but Exif's and XMP's (E1), which can turn a picture, and Adobe's (EE: inks)
_SEGMENTS = _FRAMES | {_DHT, 0xDB, 0xDD, 0xFE} | set(range(0xE0, 0xF0)) - {0xE1, 0xEE}


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, and where its content begins and ends, of each segment; a fill byte is one without content."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, start = data[place + 1], place + 4
        if marker == _FILL:
            place += 1
            yield marker, place, place
            continue
        place += 2 + (data[place + 2] << 8 | data[place + 3])
        yield marker, start, place


def plain_size(head: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG that nothing turns, without inks and of 8 bits; None: of any other file.

    Args:
        head: the file's beginning; None where that ends before the first scan.
    Source: ITU-T T.81, annex B.
    """
    if head[:2] != b'\xff\xd8':
        return None
    frame = None
    for marker, start, _ in _segments(head):
        if marker == _SOS:
            break
        if marker not in _SEGMENTS or (marker in _FRAMES and frame):
            return None
        if marker in _FRAMES:
            frame = head[start:start + 6]
    else:
        return None
    if not frame or frame[0] != 8 or frame[5] not in (1, 3):
        return None
    width, height = frame[3] << 8 | frame[4], frame[1] << 8 | frame[2]
    return (width, height) if width and height else None


class Frame(NamedTuple):
    """What a JPEG's header promises.

    Args:
        blocks: of 8 x 8 samples, of all components.
        held: whether a decoder has to hold all coefficients at once: the picture comes in several scans.
    """
    blocks: int
    held: bool

    @property
    def held_bytes(self) -> int:
        """Of the coefficients, 2 bytes each."""
        return 128 * self.blocks if self.held else 0

    @property
    def fewest_bytes(self) -> int:
        """That the code of such a picture can have: a block's takes at least a bit for its mean and, in the same scan,
        a bit to say that nothing follows."""
        return self.blocks * (1 if self.held else 2) // 8


def frame(data: bytes) -> Frame | None:
    """None: of a kind that libjpeg does not decode.

    Args:
        data: the file, or a part of it up to its first scan.
    Raises:
        ValueError: no scan in it.
    Source: ITU-T T.81, annexes A.1.1 and B.2.2.
    """
    segments, _ = _header(data)
    found = next(((marker, content) for marker, content in segments if marker in _FRAMES), None)
    if not found or len(found[1]) < 6 or len(found[1]) < 6 + 3 * found[1][5] or not segments[-1][1]:
        return None
    marker, content = found
    height, width = content[1] << 8 | content[2], content[3] << 8 | content[4]
    sides = [(content[place] >> 4, content[place] & 15) for place in range(7, 6 + 3 * content[5], 3)]
    if not all(h and v for h, v in sides):
        return None
    most_h, most_v = max(h for h, _ in sides), max(v for _, v in sides)
    blocks = sum(-(-width * h // (8 * most_h)) * -(-height * v // (8 * most_v)) for h, v in sides)
    return Frame(blocks, marker == _SOF2 or segments[-1][1][0] < len(sides))


def has_scan(data: bytes) -> bool:
    """Whether a part of a file reaches to its first scan."""
    return any(marker == _SOS for marker, *_ in _segments(data))


def scale(size: tuple[int, int], header: bytes, length: int, most: int) -> int:
    """How much smaller a JPEG is decoded to stay inside the memory that so many pixels take: 1, 2, 4 or 8.

    Args:
        size: width and height in pixels.
        header: the file, or its beginning up to the first scan.
        length: of the file, in bytes.
        most: pixels.
    Raises:
        ValueError: a header that promises more than the file can hold, or too large a picture even at 1/8.
    """
    if size[0] * size[1] <= most:
        return 1
    found, pixels = frame(header), f'{size[0]} x {size[1]} pixels'
    if found is None:
        raise ValueError(f'{pixels}, a decompression bomb (more than {most:,})')
    if length < found.fewest_bytes:
        raise ValueError(f'{pixels} in {length:,} bytes, a decompression bomb')
    for part in (2, 4, 8):
        decoded = -(-size[0] // part) * -(-size[1] // part)
        if decoded <= most and found.held_bytes + 6 * decoded <= _HELD * most:  # 6: one may be a turned copy
            return part
    if found.held_bytes > _HELD * most:
        raise ValueError(f'{pixels} in several scans (a progressive JPEG), which take {found.held_bytes / 1e6:,.0f} MB '
                         'to decode')
    raise ValueError(f'{pixels}, a decompression bomb (more than {most:,} at 1/8)')


def has_zeroed_run(data: bytes) -> bool:
    """Whether the code of a baseline JPEG with standard tables and one scan has 16 zero bytes in a row.

    Raises:
        ValueError: no JPEG that has a scan.
    """
    if _RUN not in data:
        return False
    segments, start = _header(data)
    first = next((content for marker, content in segments if marker == _SOF0), b'')
    end = data.find(b'\xff\xd9', start)
    end = end if end >= 0 else len(data)  # a photograph's code is large: it is searched where it lies
    one_scan = len(first) > 5 and data.find(b'\xff\xda', start, end) < 0 and segments[-1][1][:1] == first[5:6]
    if not one_scan or data.find(_RUN, start, end) < 0:
        return False
    tables = _tables(segments)
    return all(_standard().get(name) == table for name, table in tables.items())


def _header(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """(marker, content) of the segments up to the first scan's, and where its code begins."""
    segments = []
    for marker, start, end in _segments(data):
        if marker != _FILL:
            segments.append((marker, data[start:end]))
        if marker == _SOS:
            return segments, end
    raise ValueError('no scan')


def _tables(segments: list[tuple[int, bytes]]) -> dict[int, bytes]:
    """Huffman tables by class and number."""
    tables = {}
    for marker, content in segments:
        while marker == _DHT and content:
            size = 17 + sum(content[1:17])
            tables[content[0]], content = content[1:size], content[size:]
    return tables


@functools.lru_cache
def _standard() -> dict[int, bytes]:
    return _tables(_header(simplejpeg.encode_jpeg(np.zeros((8, 8, 3), np.uint8)))[0])
