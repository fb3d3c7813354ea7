"""Pascal VOC: ``Annotations/*.xml`` beside ``JPEGImages/``, or an XML beside each image, as LabelImg writes.

The class of an image is the name that all its objects have. Where all numbers are whole and none is 0, boxes are VOC's
own: inclusive, from pixel 1 on. Else (CVAT, VoTT, Label Studio) they are edges, from 0 on. Splits are
``ImageSets/Main/{train,val,trainval,test}.txt``, or folders of these names.
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_converters import annotation_xml, classes, listing
from data_converters.reader import Reader
from data_converters.records import Box, Index
from data_converters.splits import split_of_folder
from data_converters.texts import lines
from pipelines.core.errors import InputError

_REMEDY = 'export the annotation again from the tool that wrote it'
_IMAGES = ('JPEGImages', 'images', 'Images')
_SETS = 'ImageSets/Main'


class _Picture(NamedTuple):
    file: str
    label: str
    split: str
    boxes: list[Box]
    size: tuple[int, int]
    source: str


def _annotation(path: str) -> tuple[set[str], list[Box], tuple[int, int]]:
    """Names of the objects, boxes as written, and the image's size; (0, 0) where there is none."""
    root = annotation_xml.tree(path, _REMEDY)
    objects = root.findall('object')
    sides = [root.findtext(f'size/{side}') or '0' for side in ('width', 'height')]
    size = (0, 0) if any(side.strip() in ('', '0') for side in sides) else annotation_xml.size(path, root, _REMEDY)
    return ({(each.findtext('name') or '').strip() for each in objects}, annotation_xml.corners(path, objects, _REMEDY),
            size)


def _as_edges(found: list[_Picture]) -> NDArray[np.float64]:
    """(M, 4) half-open boxes of all images, from 0 on."""
    every = np.array([box for picture in found for box in picture.boxes], float).reshape(-1, 4)
    if len(every) and (every == every.round()).all() and every[:, :2].min() >= 1:
        every[:, :2] -= 1
    return every


class Voc(Reader):
    layout = 'voc'
    shape = 'Pascal VOC: Annotations/*.xml JPEGImages/ ImageSets/Main/*.txt, or an XML beside each image (LabelImg)'
    remedy = 'put the image there, or take its XML away'

    def recognises(self, raw: Path) -> bool:
        folders = [raw, *(raw / folder for folder in listing.subfolders(raw))]
        return any(entry.name.lower().endswith('.xml') for folder in folders for entry in os.scandir(folder))

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        pictures = {os.path.splitext(file)[0]: file for file in listing.pictures(root, '')}
        splits, lists = _listed_splits(root)
        found, missing, empty = [], [], []
        names = sorted(path.relative_to(root).as_posix() for path in root.rglob('*.[xX][mM][lL]')
                       if not path.name.startswith('.'))
        for name in names:
            stem = os.path.splitext(name)[0]
            inner = stem.partition('/')[2]
            places = (stem, *(f'{folder}/{inner}' for folder in _IMAGES))
            file = next((pictures[place] for place in places if place in pictures), None)
            if file is None:
                missing.append(name)
                continue
            labels, boxes, size = _annotation(f'{root}/{name}')
            split = splits.get(stem.rpartition('/')[2], '') if splits else split_of_folder(file)
            if not labels or (splits and not split):
                empty.append(file)
                continue
            if len(labels) > 1:
                raise InputError(root / name, expected='one label for an image', found=' and '.join(sorted(labels)),
                                 remedy=classes.ONE_LABEL)
            found.append(_Picture(file, labels.pop(), split, boxes, size, name))
        if missing:
            raise InputError(root / missing[0], expected='an image for every XML', remedy=self.remedy,
                             found=f'none for {len(missing):,} of {len(names):,}')
        return self._built(root, found, lists, empty)

    def _built(self, root: Path, found: list[_Picture], lists: tuple[str, ...], empty: list[str]) -> Index:
        if not found:
            raise InputError(root, expected='XML files with objects', found='none', remedy=_REMEDY)
        categories, labels = classes.labelled([picture.label for picture in found], str(root), self.species)
        return Index(categories, np.arange(1, len(found) + 1), [picture.file for picture in found], labels,
                     np.array([picture.split for picture in found], '<U5'), _as_edges(found),
                     np.array([len(picture.boxes) for picture in found]), np.array([picture.size for picture in found]),
                     sources=[picture.source for picture in found], read=lists, unlabelled=tuple(empty))


def _listed_splits(root: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """By stem, its split; and the lists that say so. ``trainval`` counts where train and val do not."""
    names = [name for name in ('train', 'val', 'test') if (root / _SETS / f'{name}.txt').is_file()]
    if 'train' not in names and (root / _SETS / 'trainval.txt').is_file():
        names.append('trainval')
    splits: dict[str, str] = {}
    for name in names:
        split = 'train' if name == 'trainval' else name
        for where, line in lines(root / _SETS / f'{name}.txt', _REMEDY):
            stem = line.split()[0]
            if splits.setdefault(stem, split) != split:
                if name == 'trainval':
                    continue
                raise InputError(where, expected='an image in one list',
                                 found=f'{stem}, in {splits[stem]}, too', remedy='take it out of one of them')
    return splits, tuple(f'{_SETS}/{name}.txt' for name in names)
