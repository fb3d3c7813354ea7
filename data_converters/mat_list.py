"""Lists in .mat files (MATLAB 5 to 7.2): cells of text and numbers side by side, or rows with named fields.

Read here and not by scipy, whose reader ends the process on some damaged files and unpacks any amount. Source:
"MAT-File Format", MathWorks.
"""
from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

RATIO = 100  # of unpacked to packed bytes at most; lists compress 5 to 20 times
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR, _NUMBERS = 1, 2, 4, range(6, 16)
_COMPLEX = 0x0800
_DTYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8', 12: 'i8', 13: 'u8'}
_CODINGS = {1: 'ascii', 2: 'latin-1', 16: 'utf-8'}
_WIDE = {4: 'utf-16', 17: 'utf-16', 18: 'utf-32'}
_PAIR = {order: struct.Struct(f'{order}II').unpack_from for order in '<>'}


_Matrix = tuple[int, tuple[int, ...], Iterator[tuple[int, memoryview]]]


def read(path: Path) -> tuple[list[str | None], list[float]]:
    """The cells of ``file_list``, None for one that is no line of text, and the numbers of ``labels``.

    Raises:
        ValueError: not such a file, a damaged one, or one that unpacks to more than `RATIO` times its size.
    """
    order, found = _variables(path, ('file_list', 'labels'))
    return _cells('file_list', *found['file_list'], order), _numbers('labels', *found['labels'], order)


def cells(path: Path, name: str) -> list[str | None]:
    """The cells of one variable; ``Raises`` as `read`."""
    order, found = _variables(path, (name,))
    return _cells(name, *found[name], order)


def rows(path: Path, name: str, fields: Sequence[str]) -> list[tuple[float | str, ...]]:
    """The named fields, each a number or a line of text, of every row of an array of structures.

    Raises:
        ValueError: as `read`; or a field is not there, or is neither.
    """
    order, found = _variables(path, (name,))
    flags, shape, elements = found[name]
    if flags & 0xFF != _STRUCT:
        raise ValueError(f'{name} of class {flags & 0xFF}, not structures')
    head = [bytes(content) for _, content in itertools.islice(elements, 2)]
    width = struct.unpack(f'{order}i', head[0])[0] if len(head) == 2 and len(head[0]) == 4 else 0
    if width <= 0 or len(head[1]) % width:
        raise ValueError(f'{name} without names of its fields')
    known = [head[1][i:i + width].split(b'\0')[0].decode('latin-1') for i in range(0, len(head[1]), width)]
    if missing := set(fields) - set(known):
        raise ValueError(f'{name} without {", ".join(sorted(missing))}')
    values = [part if kind == _MATRIX else None for kind, part in elements]
    if len(values) != math.prod(shape) * len(known):
        raise ValueError(f'{len(values)} fields in a {name} of shape {shape}')
    places = [known.index(field) for field in fields]
    return [tuple(_value(values[start + place], order) for place in places)
            for start in range(0, len(values), len(known))]


def _value(part: memoryview | None, order: str) -> float | str:
    """A number, or a line of text."""
    if not part:
        raise ValueError('an empty field')
    _, flags, shape, elements = _matrix(part, order)
    if flags & 0xFF == _CHAR:
        if (text := _text(part, order)) is not None:
            return text
    elif math.prod(shape) == 1:
        return _numbers('a field', flags, shape, elements, order)[0]
    raise ValueError(f'a field of class {flags & 0xFF} and shape {shape}')


def _variables(path: Path, names: Sequence[str]) -> tuple[str, dict[str, _Matrix]]:
    """The byte order of a file, and its variables by name; these are among them."""
    content = path.read_bytes()
    order = {b'IM': '<', b'MI': '>'}.get(content[126:128])
    if order is None or struct.unpack(f'{order}H', content[124:126]) != (0x0100,):
        raise ValueError('no MATLAB file of version 5 to 7.2')
    room, variables = max(RATIO * len(content), 1 << 20), dict[str, _Matrix]()
    for kind, part in _elements(memoryview(content)[128:], order):
        if kind == _COMPRESSED:
            part = _unpacked(part, room)
            room -= len(part)
            kind, part = next(_elements(part, order), (0, part))
        if kind != _MATRIX:
            raise ValueError(f'an element of type {kind} in place of a variable')
        name, flags, shape, elements = _matrix(part, order)
        if name in variables:
            raise ValueError(f'{name} twice')
        variables[name] = flags, shape, elements
    if missing := set(names) - set(variables):
        raise ValueError(f'no {" and no ".join(sorted(missing))}')
    return order, variables


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


def _cells(name: str, flags: int, shape: tuple[int, ...], elements: Iterator[tuple[int, memoryview]], order: str
           ) -> list[str | None]:
    if flags & 0xFF != _CELL:
        raise ValueError(f'{name} of class {flags & 0xFF}, not cells')
    found = [_text(part, order) if kind == _MATRIX and part else None for kind, part in elements]
    if len(found) != math.prod(shape):
        raise ValueError(f'{len(found)} cells in a {name} of shape {shape}')
    return found


def _text(part: memoryview, order: str) -> str | None:
    """One line of text."""
    _, flags, shape, elements = _matrix(part, order)
    if flags & 0xFF != _CHAR or shape[:-1] != (1,):
        return None
    kind, data = next(elements, (0, memoryview(b'')))
    coding = _CODINGS.get(kind) or f'{_WIDE.get(kind, "utf-16")}-{"le" if order == "<" else "be"}'
    text = bytes(data).decode(coding)  # UnicodeDecodeError is a ValueError
    return text if (kind in _CODINGS or kind in _WIDE) and text else None


def _numbers(name: str, flags: int, shape: tuple[int, ...], elements: Iterator[tuple[int, memoryview]], order: str
             ) -> list[float]:
    kind, data = next(elements, (0, memoryview(b'')))
    if flags & 0xFF not in _NUMBERS or flags & _COMPLEX or kind not in _DTYPES:
        raise ValueError(f'{name} of class {flags & 0xFF}, not real numbers')
    values = np.frombuffer(data, np.dtype(f'{order}{_DTYPES[kind]}'))
    if len(values) != math.prod(shape):
        raise ValueError(f'{len(values)} numbers in {name} of shape {shape}')
    return [float(value) for value in values]
