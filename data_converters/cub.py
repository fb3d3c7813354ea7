"""CUB-200-2011 (Wah et al., 2011; 200 species): five text tables with one row per image id, and ``images/``.

Boxes are ``id x y width height`` in floating-point pixels, one bird per image; 30 of them leave the image. Image sizes
are nowhere but in the images. RAW may be ``CUB_200_2011`` itself, the folder it is in, or a folder with the archive.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_converters import archives
from data_converters.records import RawDataset, Record, official_file
from pipelines.core import boxes, images
from pipelines.core.errors import InputError

IMAGES = 'images'
DOWNLOAD = 'official files: https://www.vision.caltech.edu/datasets/cub_200_2011/'
_AGAIN = f'unpack the official archive again; {DOWNLOAD}'
_TABLES = ('images.txt', 'bounding_boxes.txt', 'image_class_labels.txt', 'train_test_split.txt', 'classes.txt')


def sources(raw: Path, annotation_only: bool = False) -> dict[str, Path]:
    """The tables and the image folder, or the archive.

    Raises:
        InputError: wrong folder, missing parts, or ``annotation_only``.
    """
    if annotation_only:
        raise InputError('--annotation-only', expected='a dataset whose annotations give the image sizes (dogs)',
                         found='CUB-200-2011, whose sizes are only in the images',
                         remedy='leave the switch out and give RAW with images/')
    inner = raw / 'CUB_200_2011'
    root = inner if inner.is_dir() else raw
    return archives.find(root, [*_TABLES, IMAGES], {'archive': 'cub_200_2011*.t*gz'}, DOWNLOAD)


def unpack(found: dict[str, Path], into: Path) -> Path:
    """Unpack the archive that `sources` found."""
    archives.unpack(found['archive'], into)
    return into / 'CUB_200_2011' if (into / 'CUB_200_2011').is_dir() else into


def read(root: Path, annotation_only: bool = False) -> RawDataset:
    """Read the unpacked dataset.

    Raises:
        InputError: wrong or missing rows, with file and line; a missing or damaged image.
    """
    from tqdm import tqdm

    found = sources(root, annotation_only)
    files = _table(found['images.txt'], 1, str)
    tables = {name: _table(found[name], columns, kind, expected_ids=set(files)) for name, columns, kind in (
        ('bounding_boxes.txt', 4, float), ('image_class_labels.txt', 1, int), ('train_test_split.txt', 1, int))}
    classes = _table(found['classes.txt'], 1, str)
    if sorted(classes) != list(range(1, len(classes) + 1)):
        raise InputError(found['classes.txt'], expected=f'ids 1 to {len(classes)}', found='others', remedy=_AGAIN)
    records = []
    for i, (line, (name,)) in tqdm(sorted(files.items()), desc='reading images', unit='image'):
        file = official_file(name, f'{found["images.txt"]}:{line}')
        if not (found[IMAGES] / file).is_file():
            raise InputError(found[IMAGES] / file, expected=f'an image (line {line} of images.txt)',
                             found='nothing', remedy=_AGAIN)
        (box_line, xywh), (label_line, (label,)), (split_line, (train,)) = (tables[name][i] for name in tables)
        if label not in classes:
            raise InputError(f'{found["image_class_labels.txt"]}:{label_line}',
                             expected=f'a class from 1 to {len(classes)}', found=str(label), remedy=_AGAIN)
        if train not in (0, 1):
            raise InputError(f'{found["train_test_split.txt"]}:{split_line}', expected='0 (test) or 1 (train)',
                             found=str(train), remedy=_AGAIN)
        records.append(Record(i, file, images.size(found[IMAGES] / file), label - 1, boxes.xywh_to_xyxy(xywh),
                              'train' if train else 'test', f'{found["bounding_boxes.txt"]}:{box_line}'))
    categories = [dict(name=folder.partition('.')[2] or folder, supercategory='bird')
                  for _, (_, (folder,)) in sorted(classes.items())]
    return RawDataset(categories, records, found[IMAGES])


def _table(path: Path, columns: int, kind: Callable[[str], Any],
           expected_ids: set[int] | None = None) -> dict[int, tuple[int, list]]:
    """Rows of a table by image (or class) id, each with its line number."""
    rows: dict[int, tuple[int, list]] = {}
    for line, text in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        try:
            number, values = int(cells[0]), [kind(cell) for cell in cells[1:]]
            good = len(values) == columns and number not in rows and (kind is not float or np.isfinite(values).all())
        except ValueError:
            good = False
        if not good:
            raise InputError(f'{path}:{line}', expected=f'a new id and {columns} value{"s"[:columns > 1]}',
                             found=repr(text), remedy=_AGAIN)
        rows[number] = (line, values)
    if expected_ids is not None and set(rows) != expected_ids:
        odd = min(set(rows) ^ expected_ids)
        raise InputError(path, expected='a row for every id of images.txt, and no other',
                         found=f'no row for image {odd}' if odd in expected_ids else f'image {odd}, unknown there',
                         remedy=_AGAIN)
    return rows
