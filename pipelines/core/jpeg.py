"""Damage that a JPEG decoder cannot see: a run of zeros where the code of a picture cannot have one.

Huffman codes fall into step again: after a zeroed run a decoder reads on, in half of all cases without a warning, and
the picture is wrong from there on. With the tables of the standard's annex K, which most encoders use, 128 zero bits
are 42 coefficients of -1 one after the other: 400 photographs of Stanford Dogs had no zero run over 4 bytes, flat and
random drawings at any quality none over 2. Tables made for one picture can give its flat parts a code of zeros, so
nothing is said of those pictures.
"""
from __future__ import annotations

import functools

import numpy as np
import simplejpeg

_RUN = bytes(16)
_DHT, _SOF0, _SOS = 0xC4, 0xC0, 0xDA


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
    segments, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2:place + 4], 'big')
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        segments.append((marker, data[place + 4:place + 2 + length]))
        place += 2 + length
        if marker == _SOS:
            return segments, place
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
