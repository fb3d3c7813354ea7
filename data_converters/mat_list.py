"""The two columns of a .mat list (MATLAB 5 to 7.2): cells of text, and numbers.

Read here and not by scipy, whose reader ends the process on some damaged files and unpacks any amount. Source:
"MAT-File Format", MathWorks.
"""
from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

RATIO = 100  # of unpacked to packed bytes at most; lists compress 5 to 20 times
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHAR, _NUMBERS = 1, 4, range(6, 16)
_COMPLEX = 0x0800
_DTYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8', 12: 'i8', 13: 'u8'}
_CODINGS = {1: 'ascii', 2: 'latin-1', 16: 'utf-8'}
_WIDE = {4: 'utf-16', 17: 'utf-16', 18: 'utf-32'}
_PAIR = {order: struct.Struct(f'{order}II').unpack_from for order in '<>'}


def read(path: Path) -> tuple[list[str | None], list[float]]:
    """The cells of ``file_list``, None for one that is no line of text, and the numbers of ``labels``.

    Raises:
        ValueError: not such a file, a damaged one, or one that unpacks to more than `RATIO` times its size.
    """
    content = path.read_bytes()
    order = {b'IM': '<', b'MI': '>'}.get(content[126:128])
    if order is None or struct.unpack(f'{order}H', content[124:126]) != (0x0100,):
        raise ValueError('no MATLAB file of version 5 to 7.2')
    room, variables = max(RATIO * len(content), 1 << 20), {}
    for kind, part in _elements(memoryview(content)[128:], order):
        if kind == _COMPRESSED:
            part = _unpacked(part, room)
            room -= len(part)
            kind, part = next(_elements(part, order), (0, part))
        if kind != _MATRIX:
            raise ValueError(f'an element of type {kind} in place of a variable')
        name, *matrix = _matrix(part, order)
        if name in variables:
            raise ValueError(f'{name} twice')
        variables[name] = matrix
    if missing := {'file_list', 'labels'} - set(variables):
        raise ValueError(f'no {" and no ".join(sorted(missing))}')
    return _cells(*variables['file_list'], order), _numbers(*variables['labels'], order)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """(type, content) of one element after the other."""
    place = 0
    while place < len(data):
        if place + 8 > len(data):
            raise ValueError('cut short')
        kind, size = _PAIR[order](data, place)
        start, end = place + 8, place + 8 + size + (-size % 8 if kind != _COMPRESSED else 0)
        if kind >> 16:  # up to four bytes, in the tag itself
            kind, size, start, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        if start + size > min(len(data), end):
            raise ValueError('cut short')
        yield kind, data[start:start + size]
        place = end


def _unpacked(part: memoryview, room: int) -> memoryview:
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(part, room)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacking.eof:
        raise ValueError(f'cut short, or more than {RATIO} times its size unpacked')
    return memoryview(data)


def _matrix(part: memoryview, order: str) -> tuple[str, int, tuple[int, ...], Iterator[tuple[int, memoryview]]]:
    """Name, class and flags, shape, and the elements that hold the values."""
    elements = _elements(part, order)
    first = [bytes(content) for _, content in itertools.islice(elements, 3)]
    if len(first) < 3:
        raise ValueError('a variable without flags, shape and name')
    flags, shape, name = first
    if len(flags) != 8 or len(shape) % 4:
        raise ValueError('a variable with damaged flags or shape')
    sides = struct.unpack(f'{order}{len(shape) // 4}i', shape)
    if min(sides, default=-1) < 0:
        raise ValueError(f'a variable of shape {sides}')
    return name.decode('latin-1'), _PAIR[order](flags)[0], sides, elements


def _cells(flags: int, shape: tuple[int, ...], elements: Iterator[tuple[int, memoryview]], order: str
           ) -> list[str | None]:
    if flags & 0xFF != _CELL:
        raise ValueError(f'file_list of class {flags & 0xFF}, not cells')
    cells = [_text(part, order) if kind == _MATRIX and part else None for kind, part in elements]
    if len(cells) != math.prod(shape):
        raise ValueError(f'{len(cells)} cells in a file_list of shape {shape}')
    return cells


def _text(part: memoryview, order: str) -> str | None:
    """One line of text."""
    _, flags, shape, elements = _matrix(part, order)
    if flags & 0xFF != _CHAR or shape[:-1] != (1,):
        return None
    kind, data = next(elements, (0, memoryview(b'')))
    coding = _CODINGS.get(kind) or f'{_WIDE.get(kind, "utf-16")}-{"le" if order == "<" else "be"}'
    text = bytes(data).decode(coding)  # UnicodeDecodeError is a ValueError
    return text if (kind in _CODINGS or kind in _WIDE) and text else None


def _numbers(flags: int, shape: tuple[int, ...], elements: Iterator[tuple[int, memoryview]], order: str
             ) -> list[float]:
    kind, data = next(elements, (0, memoryview(b'')))
    if flags & 0xFF not in _NUMBERS or flags & _COMPLEX or kind not in _DTYPES:
        raise ValueError(f'labels of class {flags & 0xFF}, not real numbers')
    values = np.frombuffer(data, np.dtype(_DTYPES[kind]).newbyteorder(order))
    if len(values) != math.prod(shape):
        raise ValueError(f'{len(values)} numbers in labels of shape {shape}')
    return values.tolist()
