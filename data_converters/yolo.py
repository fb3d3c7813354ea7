"""YOLO (darknet, Ultralytics, Roboflow): ``images/**`` beside ``labels/**/*.txt``, class names in ``data.yaml``.

A label file has a row for each object: class, then centre, width and height in shares of the image as a viewer shows
it, or the corners of an outline. An image has the one class of its rows. Splits are folders (``images/train``,
``train/images``), or lists of images (``train.txt``).
"""
from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from data_converters import classes, listing
from data_converters.reader import Reader
from data_converters.records import Box, Index
from data_converters.splits import NAMES, split_of_folder
from data_converters.texts import lines, text
from pipelines.core.errors import InputError

_REMEDY = 'export the labels again from the tool that wrote them'
_NAMES = ('classes.txt', 'obj.names', 'labels/classes.txt')
_BYTES = 1 << 20
_ROUNDING = 1e-3


def _yaml(raw: Path) -> Path | None:
    return next((path for pattern in ('data.y*ml', '*.y*ml') for path in sorted(raw.glob(pattern))), None)


def _content(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.load(text(path, _REMEDY, _BYTES), yaml.BaseLoader)  # text alone: no and 01 are names
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(path, expected='YAML', found=' '.join(str(error).split())[:200], remedy=_REMEDY) from None
    if not isinstance(content, dict):
        raise InputError(path, expected='YAML with names', found=f'{content!r:.80}', remedy=_REMEDY)
    return content


def _class_names(root: Path) -> tuple[list[str], str]:
    """Class names by number, and the file that has them, relative to RAW."""
    if path := _yaml(root):
        names = _content(path).get('names')
        if isinstance(names, dict) and sorted(names) == sorted(map(str, range(len(names)))):
            names = [names[key] for key in sorted(names, key=int)]
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError(f'{path}, names', expected='the classes, from number 0 on', found=f'{names!r:.80}',
                             remedy='write names: [first, second, ...]')
        return names, path.name
    name = next((name for name in _NAMES if (root / name).is_file()), None)
    if name is None:
        raise InputError(root, expected='class names in data.yaml or classes.txt', found='neither',
                         remedy='write data.yaml with names: [first, second, ...]')
    return [line for _, line in lines(root / name, _REMEDY, _BYTES)], name


def _label_file(file: str) -> str:
    """Where the labels of an image are: ``images`` (the last of them) becomes ``labels``; without, beside it."""
    parts = list(PurePosixPath(file).with_suffix('.txt').parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == 'images':
            parts[i] = 'labels'
            break
    return '/'.join(parts)


def _rows(path: Path, names: list[str]) -> tuple[list[int], list[Box]]:
    """Classes and boxes (corners, in shares of the image) of a label file."""
    labels, found = [], []
    for where, row in lines(path, _REMEDY, _BYTES):
        cells = row.split()
        try:
            label, *numbers = int(cells[0]), *map(float, cells[1:])
        except (ValueError, OverflowError):
            label, numbers = -1, []
        if len(numbers) != 4 and (len(numbers) < 6 or len(numbers) % 2):
            raise InputError(where, expected='a class, then centre, width and height (or an outline)',
                             found=f'{row!r:.80}', remedy=_REMEDY)
        if not 0 <= label < len(names):
            raise InputError(where, expected=f'a class from 0 to {len(names) - 1}', found=cells[0],
                             remedy='correct the label, or the names in data.yaml')
        if not all(-_ROUNDING <= number <= 1 + _ROUNDING for number in numbers):
            raise InputError(where, expected='shares of the image, from 0 to 1', found=f'{row!r:.80}', remedy='divide '
                             'pixels by the image\'s width and height')
        labels.append(label)
        if len(numbers) == 4:
            x, y, width, height = numbers
            found.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        else:
            found.append((min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])))
    return labels, found


def _listed_splits(root: Path) -> dict[str, str]:
    """By image, the split of the list (``train.txt``) that names it."""
    found: dict[str, str] = {}
    for name, split in NAMES.items():
        if not (root / f'{name}.txt').is_file():
            continue
        for where, line in lines(root / f'{name}.txt', _REMEDY):
            file = line.removeprefix('./')
            if os.path.isabs(file):  # as darknet writes them: what is below the folder of images counts
                file = file[file.rfind('/images/') + 1:]
            if file and found.setdefault(file, split) != split:
                raise InputError(where, expected='an image in one list', found=f'{file}, in {found[file]}, too',
                                 remedy='take it out of one of them')
    return found


class Yolo(Reader):
    layout = 'yolo'
    shape = 'YOLO: images/ labels/*.txt data.yaml (or classes.txt); splits: folders, or train.txt, val.txt, test.txt'
    remedy = 'put the image there, or take its labels away'

    def recognises(self, raw: Path) -> bool:
        folders = [raw, *(raw / folder for folder in listing.subfolders(raw))]
        return any((folder / 'labels').is_dir() and (folder / 'images').is_dir() for folder in folders)

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        names, source = _class_names(root)
        classes.check(names, str(root / source))
        listed = _listed_splits(root)
        rows, unlabelled = [], []
        for file in listing.pictures(root, ''):
            label_file = _label_file(file)
            labels, found = _rows(root / label_file, names) if (root / label_file).is_file() else ([], [])
            split = listed.get(file, '') if listed else split_of_folder(file)
            if not labels or (listed and not split):
                unlabelled.append(file)
            elif len(set(labels)) > 1:
                raise InputError(root / label_file, expected='one label for an image', remedy=classes.ONE_LABEL,
                                 found=' and '.join(names[label] for label in sorted(set(labels))))
            else:
                rows.append((file, labels[0], split, found, label_file))
        if not rows:
            raise InputError(root, expected='images with label files', found='none', remedy='put images/x.jpg beside '
                             'labels/x.txt')
        self._check_orphans(root, {row[4] for row in rows} | {_label_file(file) for file in unlabelled})
        files, label, splits, shares, sources = zip(*rows)
        return Index(classes.categories(names, self.species), np.arange(1, len(rows) + 1), list(files),
                     np.array(label), np.array(splits, '<U5'), np.array([box for part in shares for box in part]),
                     np.array([len(part) for part in shares]), np.ones((len(rows), 2), int), sources=list(sources),
                     read=(source, *(f'{name}.txt' for name in NAMES if (root / f'{name}.txt').is_file())),
                     unlabelled=tuple(unlabelled))

    def _check_orphans(self, root: Path, known: set[str]) -> None:
        """Every label file has an image."""
        found = sorted(path.relative_to(root).as_posix() for path in root.rglob('labels/**/*.txt')
                       if path.name != 'classes.txt')
        if lost := [name for name in found if name not in known]:
            raise InputError(root / lost[0], expected='an image for every label file', remedy=self.remedy,
                             found=f'none for {len(lost):,} of {len(found):,}')
