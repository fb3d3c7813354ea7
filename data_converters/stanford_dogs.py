"""Stanford Dogs (Khosla et al., 2011; 120 breeds): ``Images/``, ``Annotation/``, ``lists/{train,test}_list.mat``.

What to know of the files: boxes are 0-based and inclusive, hence +1 on the right and bottom edge; 1,358 images hold
several dogs, all of the folder's breed; 624 XML files give ``%s`` as folder and file name, so that a file's own path
is what counts; the class of an image is its folder, in the order of the labels in the lists.
"""
from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters import annotation_xml, archives, mat_list
from data_converters.reader import Reader
from data_converters.records import Entry, Index, Record, image_frame, in_frame, official_file
from pipelines.core.errors import DamagedError, InputError

IMAGES = 'Images'
DOWNLOAD = 'official files: http://vision.stanford.edu/aditya86/ImageNetDogs/'
_AGAIN = f'unpack the official archives again; {DOWNLOAD}'


def sources(raw: Path, annotation_only: bool = False) -> dict[str, Path]:
    """The folders ``Images``, ``Annotation`` and ``lists`` below ``raw``, or their archives."""
    parts = {'Annotation': '*annotation*.tar*', 'lists': '*lists*.tar*'}
    if not annotation_only:
        parts[IMAGES] = '*images*.tar*'
    return archives.find(raw, list(parts), parts, DOWNLOAD)


def unpack(found: dict[str, Path], into: Path) -> Path:
    """Unpack the archives that `sources` found; lists.tar has no folder of its own."""
    for part, archive in found.items():
        archives.unpack(archive, into / 'lists' if part == 'lists' else into)
    return into


def index(root: Path, annotation_only: bool = False) -> Index:
    """The images in the lists of an unpacked dataset: train, then test, in the lists' order.

    Raises:
        InputError: a missing list, or lists at odds with each other.
    """
    rows = {split: _read_list(root / 'lists' / f'{split}_list.mat') for split in ('train', 'test')}
    folders = _folders_in_order(itertools.chain.from_iterable(rows.values()), root / 'lists')
    label = {folder: number for number, folder in enumerate(folders)}
    files = [file for part in rows.values() for file, _ in part]
    categories = [dict(name=folder.partition('-')[2], supercategory='dog', wnid=folder.partition('-')[0])
                  for folder in folders]
    return Index(categories, np.arange(1, len(files) + 1), files,
                 np.array([label[file.split('/')[0]] for file in files]),
                 np.where(np.arange(len(files)) < len(rows['train']), 'train', 'test'),
                 read=('lists/train_list.mat', 'lists/test_list.mat'))


def record(root: Path, entry: Entry, annotation_only: bool = False) -> Record:
    """Read what belongs to one image.

    Args:
        root: with ``Images`` and ``Annotation``.
        annotation_only: take the size from the XML and do not look for the image. Otherwise the image's own header
            counts: where the XML disagrees, its boxes are turned as EXIF turns the image, or scaled to it.
    Raises:
        InputError: no XML or no image.
        DamagedError: one of them is damaged.
    """
    source = f'Annotation/{os.path.splitext(entry.file)[0]}'
    try:
        xyxy, size = _read_xml(f'{root}/{source}')
    except InputError:
        if not os.path.isfile(f'{root}/{source}.xml'):  # as LabelImg and CVAT name them
            raise
        source += '.xml'
        xyxy, size = _read_xml(f'{root}/{source}')
    rescaled, turned = None, 1
    if not annotation_only:
        real, turned = image_frame(f'{root}/{IMAGES}/{entry.file}', 'it is in the lists', _AGAIN)
        xyxy, rescaled, turned = in_frame(entry.file, xyxy, size, real, turned, 'the XML')
        size = real
    return Record(entry.id, entry.file, entry.label, size, xyxy, source, rescaled, turned)


class StanfordDogs(Reader):
    layout = 'stanford-dogs'
    shape = 'Stanford Dogs: Images/ Annotation/ lists/{train,test}_list.mat, or their archives'
    benchmark = True
    images = IMAGES
    species = 'dog'
    remedy = _AGAIN

    def recognises(self, raw: Path) -> bool:
        names = {entry.name.lower() for entry in raw.iterdir()} if raw.is_dir() else set()
        return len(names & {'images', 'annotation', 'lists'}) >= 2 and bool(names & {'annotation', 'lists'}) or any(
            Path(name).match('*lists*.tar*') for name in names)

    def locate(self, raw: Path, annotation_only: bool = False) -> tuple[Path, dict[str, Path]]:
        found = sources(raw, annotation_only)
        return raw, found if all(path.is_file() for path in found.values()) else {}

    def unpack(self, archives: dict[str, Path], into: Path) -> Path:
        return unpack(archives, into)

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        return index(root, annotation_only)

    def annotations(self, root: Path, index: Index) -> dict[str, list[str]]:
        stems = [os.path.splitext(file)[0] for file in index.files]
        return {'Annotation': [stem if os.path.exists(f'{root}/Annotation/{stem}') or not os.path.exists(
            f'{root}/Annotation/{stem}.xml') else f'{stem}.xml' for stem in stems]}

    def record(self, root: Path, entry: Entry, annotation_only: bool = False) -> Record:
        return record(root, entry, annotation_only)


def _read_list(path: Path) -> list[tuple[str, int]]:
    """(file, 1-based label) of every row of a list."""
    if not path.is_file():
        raise InputError(path, expected='the official list', found='nothing', remedy=_AGAIN)
    try:
        files, labels = mat_list.read(path)
    except ValueError as error:
        raise InputError(path, expected='a .mat file with file_list and labels', found=str(error),
                         remedy=_AGAIN) from None
    if len(files) != len(labels) or not files:
        raise InputError(path, expected='one label per file', found=f'{len(files)} files, {len(labels)} labels',
                         remedy=_AGAIN)
    rows: dict[str, int] = {}
    for number, (file, label) in enumerate(zip(files, labels), start=1):
        where = f'{path}, row {number}'
        if not (abs(label) < 1e9 and label == int(label)):
            raise InputError(where, expected='whole numbers as labels', found=str(label), remedy=_AGAIN)
        file = official_file(file or '', where)
        folder, slash, name = file.partition('/')
        if not slash or '/' in name or not all(folder.partition('-')):
            raise InputError(where, expected='<wnid>-<breed>/<image>', found=file, remedy=_AGAIN)
        if rows.setdefault(file, number) != number:
            raise InputError(where, expected='every image once', found=f'{file}, as in row {rows[file]}', remedy=_AGAIN)
    return list(zip(rows, map(int, labels)))


def _folders_in_order(rows: Iterable[tuple[str, int]], lists: Path) -> list[str]:
    """Breed folders by label, checked to be one to one."""
    label_of: dict[str, int] = {}
    folder_of: dict[int, str] = {}
    for file, label in rows:
        folder = file.split('/')[0]
        if folder_of.setdefault(label, folder) != folder or label_of.setdefault(folder, label) != label:
            raise InputError(lists, expected='labels 1 to N, one per breed folder', remedy=_AGAIN,
                             found=f'label {label} for {file}, and {label_of.get(folder, folder_of[label])} before')
    odd = next((label for label in sorted(folder_of) if not 0 < label <= len(folder_of)), None)
    if odd is not None:
        raise InputError(lists, expected=f'labels 1 to {len(folder_of)}, one per breed folder', remedy=_AGAIN,
                         found=f'label {odd} of {folder_of[odd]}')
    return [folder_of[label] for label in sorted(folder_of)]


def _read_xml(path: str) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """(N, 4) boxes, xyxy and half-open, and the image's width and height."""
    tree = annotation_xml.tree(path, _AGAIN)
    objects = tree.findall('object')
    if not objects:
        raise DamagedError(path, expected='a size and at least one object', found='no object', remedy=_AGAIN)
    size = annotation_xml.size(path, tree, _AGAIN)
    # whole numbers are inclusive pixels, fractions (CVAT, VoTT) the edges themselves
    return np.array([box if any(map(annotation_xml.has_fraction, box)) else (*box[:2], box[2] + 1, box[3] + 1)
                     for box in annotation_xml.corners(path, objects, _AGAIN)], float), size
