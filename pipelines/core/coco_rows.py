"""What the rows of COCO files must be, for everything that reads them.

A field that is wrong is an InputError which names file, row and field. Numbers are JSON numbers: neither ``true`` nor
``"5"`` is one, nor is anything beyond 1e9.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.core import names
from pipelines.core.errors import InputError

AGAIN = 'never edit these files by hand; run make convert again'
_EDGE = 1e-6  # pixels: left + width in floating point
_IDS = 1 << 53  # beyond, JSON readers that use doubles mix ids up


def _wrong(where: str, row: Any, field: str, expected: str, remedy: str = AGAIN) -> InputError:
    found = f'{row[field]!r:.80}' if isinstance(row, dict) and field in row else 'nothing'
    return InputError(f'{where}, {field}', expected=expected, found=found, remedy=remedy)


def _is_row(row: Any, where: str, remedy: str = AGAIN) -> None:
    if type(row) is not dict:
        raise InputError(where, expected='an object', found=f'{row!r:.80}', remedy=remedy)


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and -1e9 < value < 1e9


def is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < _IDS


def is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(map(is_number, value))


def category(row: Any, where: str, remedy: str = AGAIN) -> None:
    """``id`` and ``name``, which is a folder's name among synthetic images; ``supercategory`` where it is there.

    Raises:
        InputError: names row and field.
    """
    _is_row(row, where, remedy)
    if not is_id(row.get('id')):
        raise _wrong(where, row, 'id', 'a whole number from 1', remedy)
    if names.fault(row.get('name')) or '/' in row['name']:
        raise _wrong(where, row, 'name', 'a name that a folder can have', remedy)
    if not isinstance(row.get('supercategory', ''), str):
        raise _wrong(where, row, 'supercategory', 'a name', remedy)


def categories(rows: Any, path: str | Path, remedy: str = AGAIN) -> list[dict[str, Any]]:
    """The categories of a COCO file, by id, each id and each name once.

    Raises:
        InputError: names row and field.
    """
    if type(rows) is not list:
        raise InputError(path, expected='COCO images, annotations and categories', found='no list of categories',
                         remedy=remedy)
    seen: dict[Any, str] = {}
    for number, row in enumerate(rows):
        category(row, where := f'{path}, categories, row {number}', remedy)
        for value in (row['id'], row['name']):
            if (first := seen.setdefault(value, where)) != where:
                raise InputError(where, expected='every category id and name once', found=f'{value}, as in {first}',
                                 remedy=remedy)
    return sorted(rows, key=lambda row: row['id'])


def image(row: Any, where: str, categories: set[int]) -> None:
    """``id``, ``file_name``, ``width``, ``height`` and ``category_id``, one of ``categories``.

    Raises:
        InputError: names row and field.
    """
    _is_row(row, where)
    if not is_id(row.get('id')):
        raise _wrong(where, row, 'id', 'a whole number from 1')
    if names.fault(row.get('file_name')):
        raise _wrong(where, row, 'file_name', 'a path below the image folder')
    for field in ('width', 'height'):
        if not (type(row.get(field)) is int and 0 < row[field] < 1 << 20):
            raise _wrong(where, row, field, 'a number of pixels')
    if type(row.get('category_id')) is not int or row['category_id'] not in categories:
        raise _wrong(where, row, 'category_id', f'one of the {len(categories)} categories')


def annotation(row: Any, where: str, image: dict[str, Any] | None) -> None:
    """``id``, ``bbox`` with area inside ``image`` and the image's ``category_id``; ``area`` and ``iscrowd`` fit.

    Args:
        image: the row that ``image_id`` names; None where there is none.
    Raises:
        InputError: names row and field.
    """
    _is_row(row, where)
    if not is_id(row.get('id')):
        raise _wrong(where, row, 'id', 'a whole number from 1')  # to pycocotools 0 is "no match"
    if image is None or type(row.get('image_id')) is not int:
        raise _wrong(where, row, 'image_id', 'an image of this file')
    if type(row.get('category_id')) is not int or row['category_id'] != image['category_id']:
        raise _wrong(where, row, 'category_id', f'{image["category_id"]}, as image {image["id"]} has it')
    if not is_box(row.get('bbox')):
        raise _wrong(where, row, 'bbox', 'four numbers')
    x, y, width, height = row['bbox']
    if not (x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= image['width'] + _EDGE
            and y + height <= image['height'] + _EDGE):
        raise _wrong(where, row, 'bbox', f'a box with area inside the {image["width"]} x {image["height"]} image')
    if 'area' in row and not (is_number(row['area']) and abs(row['area'] - width * height) <= 1e-3 * width * height):
        raise _wrong(where, row, 'area', f'{width * height:g}, the area of its box')
    if 'iscrowd' in row and (type(row['iscrowd']) is not int or row['iscrowd'] != 0):
        raise _wrong(where, row, 'iscrowd', '0')


def detection(row: Any, where: str, remedy: str) -> None:
    """A row of COCO results: ``image_id``, ``bbox`` (xywh) and ``score`` from 0 to 1. The box may leave the image.

    ``source`` is there for boxes that no detector of this dataset found: ``given`` or ``transferred``.

    Raises:
        InputError: names row and field.
    """
    _is_row(row, where, remedy)
    if not is_id(row.get('image_id')):
        raise _wrong(where, row, 'image_id', 'a whole number from 1', remedy)
    if not is_box(row.get('bbox')) or min(row['bbox'][2:]) < 0:
        raise _wrong(where, row, 'bbox', 'four numbers, left, top, width and height', remedy)
    if not is_number(row.get('score')) or not 0 <= row['score'] <= 1:
        raise _wrong(where, row, 'score', 'a number from 0 to 1', remedy)
    if 'category_id' in row and not is_id(row['category_id']):
        raise _wrong(where, row, 'category_id', 'a whole number from 1', remedy)
    if row.get('source', 'det') not in ('det', 'given', 'transferred'):
        raise _wrong(where, row, 'source', 'det, given or transferred', remedy)
