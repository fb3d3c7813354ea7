"""A table of one's own photographs, as Hugging Face's imagefolder has it: ``metadata.csv`` or ``metadata.jsonl``.

Columns: ``file_name`` (relative to the table), ``label`` (else the image's folder is its class), and where there are
``split``, ``group`` (camera, burst, individual: never torn apart between splits) and ``bbox`` (left, top, width and
height in pixels, or a list of such). The table lies in RAW, or one in each of RAW/{train,validation,test}.
"""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_converters import classes
from data_converters.folder import split_folders
from data_converters.reader import Reader
from data_converters.records import Index, official_file
from data_converters.splits import NAMES
from data_converters.texts import text
from pipelines.core import boxes, coco_rows
from pipelines.core.errors import InputError

_TABLES = ('metadata.csv', 'metadata.jsonl')
_COLUMNS = ('file_name', 'label', 'split', 'group', 'bbox')
_REMEDY = 'correct the table'
_Rows = dict[str, tuple[str, str, str]]  # by file: label, split, group
_Boxes = dict[str, list[list[float]]]  # by file: left, top, width, height


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    lines = csv.reader(io.StringIO(text(path, _REMEDY), newline=''), strict=True)
    try:
        heading = [name.strip() for name in next(lines, [])]
        if len(set(heading)) < len(heading):
            raise InputError(f'{path}:1', expected='every column once', found=', '.join(heading), remedy=_REMEDY)
        for cells in lines:
            if not cells:
                continue
            where = f'{path}:{lines.line_num}'
            if len(cells) != len(heading):
                raise InputError(where, expected=f'{len(heading)} cells, as in the heading', found=str(len(cells)),
                                 remedy='put cells with commas (as bbox) into double quotes')
            yield where, dict(zip(heading, cells))
    except csv.Error as error:
        raise InputError(f'{path}:{lines.line_num}', expected='CSV', found=str(error), remedy=_REMEDY) from None


def _json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text(path, _REMEDY).split('\n'), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f'{path}:{number}', expected='a JSON object', found=str(error) or 'lists without end',
                             remedy=_REMEDY) from None
        if not isinstance(row, dict):
            raise InputError(f'{path}:{number}', expected='a JSON object', found=f'{row!r:.80}', remedy=_REMEDY)
        yield f'{path}:{number}', row


def _word(row: dict[str, Any], column: str, where: str) -> str:
    """A cell of text; a whole number is its digits."""
    value = row.get(column)
    if value is None:
        return ''
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InputError(f'{where}, {column}', expected='text', found=f'{value!r:.80}', remedy=_REMEDY)
    return str(value).strip()


def _bboxes(value: Any, where: str) -> list[list[float]]:
    """The boxes in a cell: ``[x, y, w, h]``, a list of such, ``x y w h``, or nothing."""
    if isinstance(value, str):
        value = value.strip()
        try:
            value = json.loads(value if value[:1] == '[' else f'[{",".join(value.replace(",", " ").split())}]')
        except (ValueError, RecursionError):
            pass
    if value is None or value == []:
        return []
    found = [value] if isinstance(value, list) and not isinstance(value[0], list) else value
    if not isinstance(found, list) or not all(map(coco_rows.is_box, found)):
        raise InputError(f'{where}, bbox', expected='left, top, width and height in pixels', found=f'{value!r:.80}',
                         remedy=_REMEDY)
    return found


def _check_columns(path: Path, row: dict[str, Any]) -> None:
    if 'file_name' not in row:
        raise InputError(path, expected=f'the columns {", ".join(_COLUMNS)} (file_name is the least)',
                         found=', '.join(map(str, row)) or 'none', remedy='give the columns these names')
    if rest := [str(name) for name in row if name not in _COLUMNS]:
        print(f'[convert] {path.name}: columns that are not read: {", ".join(rest)}')


class Table(Reader):
    layout = 'table'
    shape = 'metadata.csv or metadata.jsonl: file_name, label, split, group, bbox (as Hugging Face\'s imagefolder)'
    left_top_size = True
    remedy = 'correct the table, or put the file there'

    def recognises(self, raw: Path) -> bool:
        return bool(self._tables(raw))

    def _tables(self, raw: Path) -> dict[str, str]:
        """By path below RAW, the split that its folder says."""
        found = {name: '' for name in _TABLES if (raw / name).is_file()}
        return found or {f'{folder}/{name}': split for folder, split in split_folders(raw).items() for name in _TABLES
                         if (raw / folder / name).is_file()}

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        tables = self._tables(root)
        if not tables or sum('/' not in name for name in tables) > 1:
            raise InputError(root, expected='a metadata.csv or a metadata.jsonl', remedy='leave one of the two',
                             found=' and '.join(tables) or 'neither, nor in train, val, test')
        rows: _Rows = {}
        found: _Boxes = {}
        for name, folder_split in tables.items():
            read = _csv_rows if name.endswith('.csv') else _json_rows
            for number, (where, row) in enumerate(read(root / name)):
                if not number:
                    _check_columns(root / name, row)
                self._add(rows, found, name.rpartition('/')[0], folder_split, where, row)
        if not rows:
            raise InputError(root / next(iter(tables)), expected='rows', found='none', remedy=_REMEDY)
        return self._built(rows, found, tuple(tables))

    def _add(self, rows: _Rows, found: _Boxes, folder: str, split: str, where: str, row: dict[str, Any]) -> None:
        """One row; a second one of an image may add a box."""
        file = official_file(_word(row, 'file_name', where), where, _REMEDY)
        file = f'{folder}/{file}' if folder else file
        label = _word(row, 'label', where) or (file.split('/')[-2] if file.count('/') > bool(folder) else '')
        if not label:
            raise InputError(f'{where}, label', expected='a class', found='nothing', remedy='write one into every row')
        if (given := _word(row, 'split', where).lower()) and given not in NAMES:
            raise InputError(f'{where}, split', expected='train, val or test', found=given, remedy=_REMEDY)
        mine = label, NAMES.get(given, '') or split, _word(row, 'group', where)
        bboxes = _bboxes(row.get('bbox'), where)
        if (first := rows.setdefault(file, mine)) != mine or (file in found and not bboxes):
            what = 'one label for an image' if first[0] != label else 'every image once, or once for each of its boxes'
            raise InputError(where, expected=what, found=f'{file}: {", ".join(filter(None, mine))} after '
                             f'{", ".join(filter(None, first))}', remedy=_REMEDY)
        found.setdefault(file, []).extend(bboxes)

    def _built(self, rows: _Rows, found: _Boxes, read: tuple[str, ...]) -> Index:
        names, split, groups = zip(*rows.values())
        categories, labels = classes.labelled(names, read[0], self.species)
        every = [box for bboxes in found.values() for box in bboxes]
        return Index(categories, np.arange(1, len(rows) + 1), list(rows), labels, np.array(split, '<U5'),
                     boxes.xywh_to_xyxy(every) if every else None, np.array([len(row) for row in found.values()]),
                     source=read[0], groups=list(groups) if any(groups) else None, read=read)
