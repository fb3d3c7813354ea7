"""A JPEG's header, and damage that a decoder cannot see: a run of zeros where the code of a picture cannot have one.

Huffman codes fall into step again: after a zeroed run a decoder reads on, in half of all cases without a warning, and
the picture is wrong from there on. With the tables of the standard's annex K, which most encoders use, 128 zero bits
are 42 coefficients of -1 one after the other: 400 photographs of Stanford Dogs had no zero run over 4 bytes, flat and
random drawings at any quality none over 2. Tables made for one picture can give its flat parts a code of zeros, so
nothing is said of those pictures.
"""
from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import simplejpeg

_RUN = bytes(16)
_DHT, _SOF0, _SOS, _FILL = 0xC4, 0xC0, 0xDA, 0xFF
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


def has_zeroed_run(data: bytes) -> bool:
    """Whether the code of a baseline JPEG with standard tables and one scan has 16 zero bytes in a row.

    Raises:
        ValueError: no JPEG that has a scan.
    """
    if _RUN not in data:
        return False
    segments, start = _header(data)
    frame = next((content for marker, content in segments if marker == _SOF0), b'')
    end = data.find(b'\xff\xd9', start)
    code = data[start:end if end >= 0 else None]
    one_scan = len(frame) > 5 and b'\xff\xda' not in code and segments[-1][1][:1] == frame[5:6]
    tables = _tables(segments)
    return one_scan and _RUN in code and all(_standard().get(name) == table for name, table in tables.items())


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
