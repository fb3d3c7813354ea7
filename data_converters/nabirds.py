"""NABirds (Van Horn et al., 2015; 555 classes): CUB's tables, keyed by ids that are no numbers.

``classes.txt`` numbers a whole hierarchy (``hierarchy.txt``: child parent); classes are those that images have. Names
may have slashes. ``sizes.txt`` gives width and height, ``train_test_split.txt`` 1 for train.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_converters import classes
from data_converters.reader import Reader
from data_converters.records import Index, official_file
from data_converters.texts import lines
from pipelines.core import boxes
from pipelines.core.errors import InputError

_AGAIN = 'unpack the official archive again; official files: https://dl.allaboutbirds.org/nabirds'
_TABLES = ('images.txt', 'bounding_boxes.txt', 'image_class_labels.txt', 'train_test_split.txt', 'sizes.txt')
_CLASSES = 'classes.txt'


def _table(path: Path, columns: int, kind: Callable[[str], Any], remedy: str = _AGAIN) -> dict[str, list[Any]]:
    """By the word that a row begins with, its values; a row of one column may have blanks in it."""
    found: dict[str, list[Any]] = {}
    for where, line in lines(path, remedy):
        key, *cells = line.split(None, columns if columns == 1 else -1)
        try:
            values = [kind(cell) for cell in cells]
            good = len(values) == columns and (kind is str or all(abs(value) < 1e9 for value in values))
        except ValueError:
            good = False
        if not good or key in found:
            raise InputError(where, expected=f'a new id and {columns} value{"s"[:columns > 1]}', found=f'{line!r:.120}',
                             remedy=remedy)
        found[key] = values
    if not found:
        raise InputError(path, expected='rows', found='none', remedy=remedy)
    return found


class NABirds(Reader):
    layout = 'nabirds'
    shape = 'NABirds: images/, hierarchy.txt, sizes.txt and tables as CUB\'s'
    benchmark = True
    images = 'images'
    species = 'bird'
    left_top_size = True
    remedy = _AGAIN

    def recognises(self, raw: Path) -> bool:
        return all((raw / name).is_file() for name in ('hierarchy.txt', 'sizes.txt', 'images.txt'))

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        files, boxed, labelled, split, sizes = (_table(root / name, columns, kind) for name, columns, kind in zip(
            _TABLES, (1, 4, 1, 1, 2), (str, float, str, int, int)))
        names = _table(root / _CLASSES, 1, str)
        for name, table in zip(_TABLES[1:], (boxed, labelled, split, sizes)):
            if table.keys() != files.keys():
                odd = sorted(table.keys() ^ files.keys())
                raise InputError(root / name, expected='a row for every id of images.txt, and no other', remedy=_AGAIN,
                                 found=f'{len(odd):,} that are in one of the two, the first {odd[0]}')
        if unknown := [label for label, in labelled.values() if label not in names]:
            raise InputError(root / _TABLES[2], expected=f'a class of {_CLASSES}', found=unknown[0], remedy=_AGAIN)
        if any(value not in (0, 1) for value, in split.values()) or any(min(size) < 1 for size in sizes.values()):
            raise InputError(root, expected='0 (test) or 1 (train), and sizes in pixels', found='others', remedy=_AGAIN)
        used = sorted({label for label, in labelled.values()}, key=lambda label: (len(label), label))
        number = {label: i for i, label in enumerate(used)}
        found = [classes.folder_name(names[label][0]) for label in used]
        classes.check(found, str(root / _CLASSES))
        return Index([dict(name=name, supercategory='bird') for name in found], np.arange(1, len(files) + 1),
                     [official_file(file, str(root / _TABLES[0])) for file, in files.values()],
                     np.array([number[labelled[key][0]] for key in files]),
                     np.array(['train' if split[key][0] else 'test' for key in files]),
                     boxes.xywh_to_xyxy([boxed[key] for key in files]), sizes=np.array([sizes[key] for key in files]),
                     source=_TABLES[1], read=(*_TABLES, _CLASSES))
