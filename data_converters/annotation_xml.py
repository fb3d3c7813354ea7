"""Annotation XML as Pascal VOC and Stanford Dogs have it, from strangers."""
from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as etree

from defusedxml import DefusedXmlException, ElementTree

from data_converters.records import Box
from pipelines.core.errors import DamagedError, InputError
from pipelines.core.files import read_whole

_WHOLE = re.compile(r'-?[0-9]{1,6}(\.0*)?')
_NUMBER = re.compile(r'-?[0-9]{1,6}(\.[0-9]{0,18})?')
_BYTES = 1 << 18
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def has_fraction(value: float) -> bool:
    return value != int(value)


def tree(path: str, remedy: str) -> Any:
    """The root element of a file.

    Raises:
        InputError: no such file.
        DamagedError: no XML, or XML that declares something.
    """
    try:
        content = read_whole(path, _BYTES)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(path, expected='the XML of an image in the lists', found='nothing', remedy=remedy) from None
    except ValueError as error:
        raise DamagedError(path, expected=f'XML of at most {_BYTES:,} bytes', found=str(error),
                           remedy=remedy) from None
    try:
        # what declares nothing has nothing to defuse, and the C parser takes half the time
        harmless = b'<!' not in content and b'\0' not in content  # in every encoding that expat reads but UTF-16
        return etree.fromstring(content) if harmless else ElementTree.fromstring(content, forbid_dtd=True)
    except ElementTree.ParseError as error:
        raise DamagedError(f'{path}:{error.position[0]}', expected='well-formed XML', found=str(error),
                           remedy=remedy) from None
    except DefusedXmlException as error:
        raise DamagedError(path, expected='XML without DTD and entities', found=str(error), remedy=remedy) from None
    except (ValueError, LookupError) as error:
        raise DamagedError(path, expected='XML in an encoding that can be read', found=str(error),
                           remedy=remedy) from None


def size(path: str, root: Any, remedy: str) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        DamagedError: there are none, or no whole numbers from 1.
    """
    width, height = map(int, _numbers(path, 'size', root, 'size', ('width', 'height'), _WHOLE, remedy))
    if min(width, height) <= 0:
        raise DamagedError(f'{path}, size', expected='pixels', found=f'{width} x {height}', remedy=remedy)
    return width, height


def corners(path: str, objects: list[Any], remedy: str) -> list[Box]:
    """xmin, ymin, xmax, ymax of every object, as written.

    Raises:
        DamagedError: a missing or wrong number, or a maximum below its minimum.
    """
    found = [_numbers(path, f'object {number} bndbox', each, 'bndbox', _CORNERS, _NUMBER, remedy)
             for number, each in enumerate(objects, start=1)]
    for number, (x1, y1, x2, y2) in enumerate(found, start=1):
        if x2 < x1 or y2 < y1:
            axis = 'x' if x2 < x1 else 'y'
            raise DamagedError(f'{path}, object {number} bndbox', expected=f'{axis}max from {axis}min on',
                               found=f'{[x1, y1, x2, y2]}', remedy=remedy)
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in found]


def _numbers(path: str, shown: str, parent: Any, tag: str, keys: tuple[str, ...], form: re.Pattern[str],
             remedy: str) -> list[float]:
    """The numbers in the children ``keys`` of the one child ``tag``; each has to be there once."""
    children = parent.findall(tag)
    if len(children) != 1:
        raise DamagedError(f'{path}, {shown}', expected='it once', found=f'{len(children)} times', remedy=remedy)
    pairs = [(child.tag, child.text or '') for child in children[0]]
    texts, numbers = dict(pairs), []
    for key in keys:
        if not form.fullmatch(texts.get(key, '').strip()) or len(texts) < len(pairs):
            found = [text for name, text in pairs if name == key]
            if len(found) != 1 or not form.fullmatch(found[0].strip()):
                raise DamagedError(f'{path}, {shown} {key}', remedy=remedy, found=', '.join(
                    f'{text!r:.40}' for text in found) or 'nothing', expected=(
                        'one whole number' if form is _WHOLE else 'one number') + ' of up to 6 digits')
        numbers.append(float(texts[key]))
    return numbers
