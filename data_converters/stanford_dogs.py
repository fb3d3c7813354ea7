"""Stanford Dogs (Khosla et al., 2011; 120 breeds): ``Images/``, ``Annotation/``, ``lists/{train,test}_list.mat``.

What to know of the files: boxes are 0-based and inclusive, hence +1 on the right and bottom edge; 1,358 images hold
several dogs, all of the folder's breed; 624 XML files give ``%s`` as folder and file name, so that a file's own path
is what counts; the class of an image is its folder, in the order of the labels in the lists.
"""
from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as etree

import numpy as np
from defusedxml import DefusedXmlException, ElementTree

from data_converters import archives, mat_list
from data_converters.records import Entry, Index, Record, image_size, official_file
from pipelines.core import boxes, images
from pipelines.core.errors import DamagedError, InputError
from pipelines.core.files import read_whole

IMAGES = 'Images'
DOWNLOAD = 'official files: http://vision.stanford.edu/aditya86/ImageNetDogs/'
_AGAIN = f'unpack the official archives again; {DOWNLOAD}'
_WHOLE = re.compile(r'-?[0-9]{1,6}(\.0*)?')
_XML_BYTES = 1 << 18


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
                 np.array([label[file.split('/')[0]] for file in files]), np.arange(len(files)) >= len(rows['train']))


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
    stem = os.path.splitext(entry.file)[0]
    xyxy, size = _read_xml(f'{root}/Annotation/{stem}')
    rescaled = None
    if not annotation_only:
        path = f'{root}/{IMAGES}/{entry.file}'
        real = image_size(path, 'it is in the lists', _AGAIN)
        if real == size[::-1] != size and (turned := images.orientation(path)) >= 5:
            rescaled = f'{entry.file}: {real[0]} x {real[1]} pixels, turned by its EXIF, as its boxes now are'
            xyxy, size = boxes.turn(xyxy, size, turned), real
        elif real != size:
            rescaled = f'{entry.file}: {real[0]} x {real[1]} pixels, {size[0]} x {size[1]} in the XML'
            xyxy, size = xyxy * np.tile(np.divide(real, size), 2), real
    return Record(entry.id, entry.file, entry.label, size, xyxy, f'Annotation/{stem}', rescaled)


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
        folder, slash, name = official_file(file or '', where).partition('/')
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


def _read_xml(path: str) -> tuple[np.ndarray, tuple[int, int]]:
    """(N, 4) boxes, xyxy and half-open, and the image's width and height."""
    try:
        content = read_whole(path, _XML_BYTES)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(path, expected='the XML of an image in the lists', found='nothing', remedy=_AGAIN) from None
    except ValueError as error:
        raise DamagedError(path, expected=f'XML of at most {_XML_BYTES:,} bytes', found=str(error),
                           remedy=_AGAIN) from None
    try:
        # what declares nothing has nothing to defuse, and the C parser takes half the time
        harmless = b'<!' not in content and b'\0' not in content  # in every encoding that expat reads but UTF-16
        tree = etree.fromstring(content) if harmless else ElementTree.fromstring(content, forbid_dtd=True)
    except ElementTree.ParseError as error:
        raise DamagedError(f'{path}:{error.position[0]}', expected='well-formed XML', found=str(error),
                           remedy=_AGAIN) from None
    except DefusedXmlException as error:
        raise DamagedError(path, expected='XML without DTD and entities', found=str(error), remedy=_AGAIN) from None
    except (ValueError, LookupError) as error:
        raise DamagedError(path, expected='XML in an encoding that can be read', found=str(error),
                           remedy=_AGAIN) from None
    objects = tree.findall('object')
    if not objects:
        raise DamagedError(path, expected='a size and at least one object', found='no object', remedy=_AGAIN)
    width, height = _numbers(path, 'size', tree, 'size', ('width', 'height'))
    if min(width, height) <= 0:
        raise DamagedError(f'{path}, size', expected='pixels', found=f'{width} x {height}', remedy=_AGAIN)
    inclusive = [_numbers(path, f'object {number} bndbox', each, 'bndbox', ('xmin', 'ymin', 'xmax', 'ymax'))
                 for number, each in enumerate(objects, start=1)]
    for number, (x1, y1, x2, y2) in enumerate(inclusive, start=1):
        if x2 < x1 or y2 < y1:
            axis = 'x' if x2 < x1 else 'y'
            raise DamagedError(f'{path}, object {number} bndbox', expected=f'{axis}max from {axis}min on',
                               found=f'{[x1, y1, x2, y2]}', remedy=_AGAIN)
    return np.array([[x1, y1, x2 + 1, y2 + 1] for x1, y1, x2, y2 in inclusive], float), (width, height)


def _numbers(path: str, shown: str, parent: Any, tag: str, keys: tuple[str, ...]) -> list[int]:
    """The whole numbers in the children ``keys`` of the one child ``tag``; each has to be there once."""
    children = parent.findall(tag)
    if len(children) != 1:
        raise DamagedError(f'{path}, {shown}', expected='it once', found=f'{len(children)} times', remedy=_AGAIN)
    pairs = [(child.tag, child.text or '') for child in children[0]]
    texts, numbers = dict(pairs), []
    for key in keys:
        if not _WHOLE.fullmatch(texts.get(key, '').strip()) or len(texts) < len(pairs):
            found = [text for name, text in pairs if name == key]
            if len(found) != 1 or not _WHOLE.fullmatch(found[0].strip()):
                raise DamagedError(f'{path}, {shown} {key}', expected='one whole number of up to 6 digits',
                                   found=', '.join(f'{text!r:.40}' for text in found) or 'nothing', remedy=_AGAIN)
        numbers.append(int(float(texts[key])))
    return numbers
