"""COCO instances: one JSON, or one for each split (``instances_train2017.json``, ``valid/_annotations.coco.json``).

An image has one class: that of its annotations, or its own ``category_id`` (as in the files that convert writes). Boxes
of crowds are left out. Images are looked for beside the JSON, in RAW, and in folders named after images and the split.
"""
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_converters import classes
from data_converters.reader import Reader
from data_converters.records import Index, Row, official_file
from data_converters.splits import NAMES
from pipelines.core import boxes, coco_rows, json_files
from pipelines.core.errors import InputError

_REMEDY = 'export it again from the tool that wrote it'
_SPLIT = re.compile(r'(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)(?![a-z])')
_PEEK = 1 << 20
_LISTS = ('images', 'annotations', 'categories')
_NO_SUPER = ('', 'none')
_Labelled = tuple[str, str, str, NDArray[np.float64], tuple[int, int]]  # file, class, split, boxes, size


def _is_coco(path: Path) -> bool:
    """Whether the beginning or the end of a file has what COCO's has, so that huge ones are not read for it."""
    with path.open('rb') as stream:
        content = stream.read(_PEEK)
        stream.seek(-min(_PEEK, path.stat().st_size), os.SEEK_END)
        content += stream.read()
    return all(f'"{name}"'.encode() in content for name in ('images', 'categories'))


def _files(raw: Path) -> dict[str, str]:
    """By path below RAW, the split that file or folder name says; train first."""
    found = {}
    for path in sorted([*raw.glob('*.json'), *raw.glob('*/*.json')]):
        name = path.relative_to(raw).as_posix()
        if path.is_file() and not path.name.startswith('.') and _is_coco(path):
            word = _SPLIT.search(path.stem.lower()) or _SPLIT.search(name.lower())
            found[name] = NAMES[word[1]] if word else ''
    return dict(sorted(found.items(), key=lambda row: (['', 'train', 'val', 'test'].index(row[1]), row[0])))


class CocoJson(Reader):
    layout = 'coco'
    shape = 'COCO instances: *.json, annotations/*.json or {train,valid,test}/_annotations.coco.json'
    left_top_size = True
    remedy = 'correct the COCO file, or put the image there'

    def recognises(self, raw: Path) -> bool:
        return bool(_files(raw))

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        found = _files(root)
        if not found or len(set(found.values())) < len(found):
            raise InputError(root, expected='one COCO file, or one for each of train, val and test',
                             found=', '.join(found) or 'none', remedy='leave these alone in RAW and RAW/annotations')
        rows: list[_Labelled] = []
        unlabelled: list[str] = []
        categories: dict[str, Row] = {}
        for name, split in found.items():
            labelled, rest, known = _read(root, name, split)
            rows += labelled
            unlabelled += rest
            for row in known:
                categories.setdefault(row['name'], row)
        if not rows:
            raise InputError(root / next(iter(found)), expected='images with a class', found='none', remedy=_REMEDY)
        classes.check(list(categories), str(root / next(iter(found))))
        files, names, splits, xyxy, sizes = zip(*rows)
        number = {name: i for i, name in enumerate(categories)}
        return Index(self._categories(list(categories.values())), np.arange(1, len(rows) + 1), list(files),
                     np.array([number[name] for name in names]), np.array(splits, '<U5'), np.concatenate(xyxy),
                     np.array([len(part) for part in xyxy]), np.array(sizes), source=next(iter(found)),
                     read=tuple(found), unlabelled=tuple(unlabelled))

    def _categories(self, rows: list[Row]) -> list[Row]:
        """A super-class that all classes share is theirs; tools fill the field with all kinds of things."""
        common = {row.get('supercategory') for row in rows}
        word = common.pop() if len(common) == 1 else None
        species = word if isinstance(word, str) and word.lower() not in _NO_SUPER else self.species
        return [dict(name=row['name'], supercategory=species,
                     **({'wnid': row['wnid']} if isinstance(row.get('wnid'), str) else {})) for row in rows]


def _content(path: Path) -> list[list[Any]]:
    """Images, annotations and categories."""
    try:
        content = json_files.read(path)
    except ValueError as error:
        raise InputError(path, expected='COCO JSON', found=str(error), remedy=_REMEDY) from None
    lists = [rows for key in _LISTS if isinstance(content, dict) and isinstance(rows := content.get(key), list)]
    if len(lists) < len(_LISTS):
        raise InputError(path, expected='lists of ' + ', '.join(_LISTS), found='not all of them', remedy=_REMEDY)
    return lists


def _whole(row: Any, key: str, where: str) -> int:
    value = row.get(key) if isinstance(row, dict) else None
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise InputError(f'{where}, {key}', expected='a whole number', found=f'{value!r:.80}', remedy=_REMEDY)
    return value


def _text(row: Any, key: str, where: str) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise InputError(f'{where}, {key}', expected='text', found=f'{value!r:.80}', remedy=_REMEDY)
    return value


def _read(root: Path, name: str, split: str) -> tuple[list[_Labelled], list[str], list[Row]]:
    """Of one file: rows of (file, class, split, (N, 4) boxes, size); images without a class; categories."""
    path = root / name
    images, annotations, rows = _content(path)
    categories: dict[int, Row] = {}
    for i, row in enumerate(rows):
        where = f'{path}, categories, row {i}'
        _text(row, 'name', where)
        if categories.setdefault(_whole(row, 'id', where), row) is not row:
            raise InputError(where, expected='every category id once', found=str(row['id']), remedy=_REMEDY)
    pictures: dict[int, Row] = {}
    for i, row in enumerate(images):
        where = f'{path}, images, row {i}'
        official_file(_text(row, 'file_name', where), where, _REMEDY)
        if pictures.setdefault(_whole(row, 'id', where), row) is not row:
            raise InputError(where, expected='every image id once', found=str(row['id']), remedy=_REMEDY)
    found, labels = _annotations(path, annotations, pictures, categories)
    base = _base(root, name, split, next(iter(pictures.values()), {}).get('file_name', ''))
    labelled: list[_Labelled] = []
    unlabelled: list[str] = []
    for i, row in pictures.items():
        file = f'{base}/{row["file_name"]}' if base else row['file_name']
        if i not in labels:
            unlabelled.append(file)
            continue
        width, height = (side if type(side) is int and 0 < side < 1 << 20 else 0
                         for side in (row.get('width'), row.get('height')))
        labelled.append((file, categories[labels[i]]['name'], split,
                         boxes.xywh_to_xyxy(found[i]) if found.get(i) else np.empty((0, 4)), (width, height)))
    return labelled, unlabelled, list(categories.values())


def _annotations(path: Path, rows: list[Any], pictures: dict[int, Row], categories: dict[int, Row]
                 ) -> tuple[dict[int, list[list[float]]], dict[int, int]]:
    """By image id, its boxes (left, top, width, height) and its category id."""
    found: dict[int, list[list[float]]] = {}
    labels = {i: _known(row, categories, f'{path}, image {i}') for i, row in pictures.items() if 'category_id' in row}
    for i, row in enumerate(rows):
        where = f'{path}, annotations, row {i}'
        image = _whole(row, 'image_id', where)
        if image not in pictures:
            raise InputError(f'{where}, image_id', expected='an image of this file', found=str(image), remedy=_REMEDY)
        label = _known(row, categories, where)
        if labels.setdefault(image, label) != label:
            raise InputError(where, expected='one label for an image', remedy=classes.ONE_LABEL,
                             found=f'{pictures[image]["file_name"]} as {categories[label]["name"]} and as '
                                   f'{categories[labels[image]]["name"]}')
        if not row.get('iscrowd'):
            if not coco_rows.is_box(row.get('bbox')):
                raise InputError(f'{where}, bbox', expected='left, top, width and height in pixels',
                                 found=f'{row.get("bbox")!r:.80}', remedy=_REMEDY)
            found.setdefault(image, []).append(row['bbox'])
    return found, labels


def _known(row: Row, categories: dict[int, Row], where: str) -> int:
    if (label := _whole(row, 'category_id', where)) not in categories:
        raise InputError(f'{where}, category_id', expected=f'one of the {len(categories)} categories', found=str(label),
                         remedy=_REMEDY)
    return label


def _base(root: Path, name: str, split: str, first: str) -> str:
    """The folder below RAW that a file's images are relative to, by where the first of them is."""
    word = Path(name).stem.removeprefix('instances_')
    places = [name.rpartition('/')[0], '', 'images', word, f'images/{word}', split, f'images/{split}']
    return next((place for place in places if os.path.lexists(os.path.join(root, place, first))), places[0])
