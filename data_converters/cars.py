"""Stanford Cars (Krause et al., 2013; 196 classes, 16,185 images): ``cars_train/ cars_test/`` and .mat lists.

Lists: ``devkit/cars_meta.mat`` (class names), ``devkit/cars_train_annos.mat``, and ``cars_test_annos_withlabels.mat``
in RAW or in devkit. Boxes (bbox_x1 bbox_y1 bbox_x2 bbox_y2) are inclusive and count from pixel 1, as MATLAB does.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_converters import classes, mat_list
from data_converters.reader import Reader
from data_converters.records import Index, official_file
from pipelines.core.errors import InputError

_AGAIN = 'get the files again: cars_train, cars_test, devkit, and cars_test_annos_withlabels.mat'
_META, _TRAIN, _TEST = 'devkit/cars_meta.mat', 'devkit/cars_train_annos.mat', 'cars_test_annos_withlabels.mat'
_FIELDS = ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2', 'class', 'fname')


def _read(path: Path, reading: Callable[[Path], Any]) -> Any:
    try:
        return reading(path)
    except FileNotFoundError:
        raise InputError(path, expected='an official list', found='nothing', remedy=_AGAIN) from None
    except (ValueError, IsADirectoryError) as error:
        raise InputError(path, expected='an official .mat list', found=str(error), remedy=_AGAIN) from None


class Cars(Reader):
    layout = 'cars'
    shape = 'Stanford Cars: cars_train/ cars_test/ devkit/*.mat cars_test_annos_withlabels.mat'
    benchmark = True
    species = 'car'
    remedy = _AGAIN

    def recognises(self, raw: Path) -> bool:
        return (raw / _META).is_file() or (raw / _TRAIN).is_file()

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        test = _TEST if (root / _TEST).is_file() else f'devkit/{_TEST}'
        names = _read(root / _META, lambda path: mat_list.cells(path, 'class_names'))
        if not all(names):
            raise InputError(root / _META, expected='class names', found='an empty cell', remedy=_AGAIN)
        names = [classes.folder_name(name) for name in names]
        classes.check(names, str(root / _META))
        files, labels, splits, xyxy = [], [], [], []
        for name, split in ((_TRAIN, 'train'), (test, 'test')):
            rows = _read(root / name, lambda path: mat_list.rows(path, 'annotations', _FIELDS))
            for number, row in enumerate(rows, start=1):
                where = f'{root / name}, row {number}'
                x1, y1, x2, y2, label, file = row
                if not isinstance(file, str) or not all(isinstance(value, float | int) for value in row[:5]) or not (
                        0 < x1 <= x2 < 1e6 and 0 < y1 <= y2 < 1e6 and label in range(1, len(names) + 1)):
                    raise InputError(where, expected=f'a box, a class from 1 to {len(names)} and a file',
                                     found=f'{row!r:.120}', remedy=_AGAIN)
                files.append(official_file(f'cars_{split}/{file}', where))
                labels.append(int(label) - 1)
                splits.append(split)
                xyxy.append((x1 - 1, y1 - 1, x2, y2))
        return Index([dict(name=name, supercategory=self.species) for name in names], np.arange(1, len(files) + 1),
                     files, np.array(labels, int), np.array(splits, '<U5'), np.array(xyxy, float).reshape(-1, 4),
                     source=_TRAIN, read=(_META, _TRAIN, test))
