"""Boxes in the files that others write: COCO annotations and results, CSV, YOLO labels, MegaDetector.

    COCO annotations   .json: `images` with `file_name`, `annotations` with `image_id` and `bbox` (xywh)
    COCO results       .json: a list of rows with `image_id` (convert's ids) or `file_name`, `bbox` (xywh), `score`
    CSV                .csv: file_name,x,y,w,h[,score]
    MegaDetector       .json: `images` with `file` and `detections` (`bbox` as shares of the image, `conf`)
    YOLO               a folder of .txt files named after the images: class cx cy w h [score], shares of the image
"""
from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core import json_files
from pipelines.core.coco_rows import is_box, is_number
from pipelines.core.errors import InputError

FORMATS = ('COCO annotations or results (.json), CSV (file_name,x,y,w,h[,score]), MegaDetector (.json), YOLO labels '
           '(folder)')
_COLUMNS = ('file_name', 'x', 'y', 'w', 'h')
_REMEDY = 'correct that row; python -m pipelines.detect --help shows the formats'


class Row(NamedTuple):
    """A box of a file.

    Args:
        image: file name, or the id of an image.
        xywh: left, top, width, height: in pixels, or as shares of the image where the file has those.
        score: 1 where the file has none.
        where: in the file.
    """
    image: str | int
    xywh: tuple[float, float, float, float]
    score: float
    where: str


@dataclass(frozen=True)
class BoxFile:
    """What a file holds.

    Args:
        form: of the file, in words.
        shares: boxes are shares of the image's size, not pixels.
    """
    form: str
    shares: bool
    rows: list[Row]


def read(path: Path) -> BoxFile:
    """Read boxes; their kind is recognised.

    Raises:
        InputError: not there, none of the formats, or a wrong row.
    """
    if path.is_dir():
        return _checked(path, BoxFile('YOLO labels', True, list(_yolo(path))))
    if not path.is_file():
        raise InputError(path, expected=FORMATS, found='nothing', remedy='correct BOXES_FROM (--boxes-from)')
    if path.suffix.lower() == '.csv':
        return _checked(path, BoxFile('CSV', False, list(_csv(path))))
    try:
        content = json_files.read(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(path, expected=FORMATS, found=str(error), remedy='correct BOXES_FROM (--boxes-from)') from None
    if type(content) is list:
        return _checked(path, BoxFile('COCO results', False, list(_results(path, content))))
    lists = {key for key, value in content.items() if type(value) is list} if type(content) is dict else set()
    if {'images', 'annotations'} <= lists:
        return _checked(path, BoxFile('COCO annotations', False, list(_annotations(path, content))))
    if 'images' in lists and 'detection_categories' in content:
        return _checked(path, BoxFile('MegaDetector', True, list(_megadetector(path, content))))
    raise InputError(path, expected=FORMATS, found=f'JSON with {", ".join(map(str, content)) or "nothing"}'[:200]
                     if type(content) is dict else 'other JSON', remedy='correct BOXES_FROM (--boxes-from)')


def _checked(path: Path, found: BoxFile) -> BoxFile:
    """What holds for every format.

    Raises:
        InputError: no box at all, one without area, or a score beyond 0 to 1.
    """
    if not found.rows:
        raise InputError(path, expected='boxes', found=f'{found.form} without any', remedy='choose another file')
    for row in found.rows:
        if min(row.xywh[2:]) <= 0:
            raise InputError(f'{path}, {row.where}', expected='a width and a height above 0', remedy=_REMEDY,
                             found='{:g} x {:g}'.format(*row.xywh[2:]))
        if not 0 <= row.score <= 1:
            raise InputError(f'{path}, {row.where}', expected='a score from 0 to 1', found=f'{row.score:g}',
                             remedy=_REMEDY)
    return found


def _wrong(path: Path, where: str, expected: str, found: Any) -> InputError:
    return InputError(f'{path}, {where}', expected=expected, found=f'{found!r:.80}', remedy=_REMEDY)


def _numbers(path: Path, where: str, texts: list[str]) -> list[float]:
    try:
        values = [float(text) for text in texts]
    except (TypeError, ValueError):
        raise _wrong(path, where, 'numbers', ' '.join(map(str, texts))) from None
    if not all(map(math.isfinite, values)):
        raise _wrong(path, where, 'numbers', ' '.join(texts))
    return values


def _csv(path: Path) -> Iterator[Row]:
    with path.open(newline='', encoding='utf-8-sig', errors='replace') as stream:
        table = csv.DictReader(stream, skipinitialspace=True)
        header = tuple(table.fieldnames or ())
        if not set(_COLUMNS) <= set(header):
            raise InputError(f'{path}:1', expected='file_name,x,y,w,h[,score] as the first line, w and h being width '
                             'and height', found=f'{",".join(header)!r:.80}', remedy=_REMEDY)
        for row in table:
            where = f'line {table.line_num}'
            values = _numbers(path, where, [row[name] for name in _COLUMNS[1:]] + (
                [row['score']] if row.get('score') else []))
            x, y, w, h, *score = values
            yield Row(row['file_name'], (x, y, w, h), score[0] if score else 1., where)


def _yolo(folder: Path) -> Iterator[Row]:
    files = sorted(path for path in folder.rglob('*.txt') if path.name not in ('classes.txt', 'README.txt'))
    for path in files:
        for number, line in enumerate(path.read_text(encoding='utf-8', errors='replace').splitlines(), start=1):
            if words := line.split():
                where = f'{path.relative_to(folder)}:{number}'
                values = _numbers(folder, where, words)
                if len(values) not in (5, 6):
                    raise _wrong(folder, where, 'class cx cy w h [score]', line)
                _, x, y, w, h, *score = values
                yield Row(path.relative_to(folder).as_posix(), (x - w / 2, y - h / 2, w, h), score[0] if score else 1.,
                          where)


def _results(path: Path, content: list[Any]) -> Iterator[Row]:
    for number, row in enumerate(content):
        where = f'row {number}'
        image: Any = row.get('file_name', row.get('image_id')) if type(row) is dict else None
        if type(image) not in (str, int) or not is_box(row.get('bbox')) or not is_number(row.get('score', 1)):
            raise _wrong(path, where, 'image_id or file_name, bbox (xywh) and score', row)
        yield Row(image, tuple(row['bbox']), row.get('score', 1.), where)


def _annotations(path: Path, content: dict[str, Any]) -> Iterator[Row]:
    names = {}
    for number, image in enumerate(content['images']):
        if type(image) is not dict or type(image.get('file_name')) is not str or type(image.get('id')) is not int:
            raise _wrong(path, f'images, row {number}', 'id and file_name', image)
        names[image['id']] = image['file_name']
    for number, row in enumerate(content['annotations']):
        where = f'annotations, row {number}'
        if type(row) is not dict or type(row.get('image_id')) is not int or row['image_id'] not in names:
            raise _wrong(path, where, 'image_id of an image of this file', row)
        if not is_box(row.get('bbox')) or not is_number(row.get('score', 1)):
            raise _wrong(path, where, 'bbox with four numbers, xywh', row.get('bbox'))
        if not row.get('iscrowd'):  # a crowd is no animal
            yield Row(names[row['image_id']], tuple(row['bbox']), row.get('score', 1.), where)


def _megadetector(path: Path, content: dict[str, Any]) -> Iterator[Row]:
    kinds = content['detection_categories']
    animals = {key for key, name in kinds.items() if name == 'animal'} or set(kinds)  # not people and vehicles
    for number, image in enumerate(content['images']):
        if type(image) is not dict or type(image.get('file')) is not str:
            raise _wrong(path, f'images, row {number}', 'file and detections', image)
        for place, row in enumerate(image.get('detections') or []):  # null: the image could not be read
            where = f'images, row {number}, detection {place}'
            if type(row) is not dict or not is_box(row.get('bbox')) or not is_number(row.get('conf')):
                raise _wrong(path, where, 'category, conf and bbox', row)
            if row.get('category') in animals:
                yield Row(image['file'], tuple(row['bbox']), row['conf'], where)
