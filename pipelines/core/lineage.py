"""Annotation lists that mmpretrain and mmagic both read, with the lineage of every row.

A list is OpenMMLab 2.0's ``{"metainfo": {"classes": [...]}, "data_list": [...]}``. A row has ``img_path`` (relative to
the list's folder) and ``gt_label`` for the libraries and, for us, ``image_id``, ``split``, ``box_source``, ``score``,
``box`` and ``crop`` (xyxy in the source image), or ``generator`` (SHA-256 of its weights) and ``seed`` for a synthetic
image, ``parents`` (ids of the images it is made of, with ``box`` and ``crop`` in itself) where it has some, and
``rank``: the place of its class among the scores of a classifier of real images, 1 the best. ``sha256`` is that of the
image's file: whoever names a list as an input has named its images. A box comes from

    gt           an annotation
    det          this dataset's detector
    given        a file (BOXES_FROM)
    transferred  another dataset's detector (BOXES_FROM)
    fallback     nowhere: there was none, and the image is taken whole
    none         nowhere, on purpose: the row is of the whole image
    synthetic    nowhere: there is no photograph
"""
from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from pipelines.core import json_files, names
from pipelines.core.coco import SPLITS
from pipelines.core.coco_rows import is_box, is_number
from pipelines.core.errors import InputError
from pipelines.core.files import replacing

DETECTED = ('det', 'given', 'transferred')
SOURCES = ('gt', *DETECTED, 'fallback', 'none', 'synthetic')
_SHA256 = re.compile('[0-9a-f]{64}')
_AGAIN = 'run the stage that writes it again: make crop, or make synth'


@contextlib.contextmanager
def writing(path: Path, classes: list[str], **metainfo: list[Any]) -> Iterator[Callable[[str], None]]:
    """Write a list with the function that this gives, which takes a row as JSON. ``metainfo`` is more of that."""
    with replacing(path) as stream:
        stream.write(f'{{"metainfo": {json_files.dumps(dict(classes=classes, **metainfo))},\n"data_list": [')
        yield json_files.appending(stream)
        stream.write('\n]}\n')


def write_list(path: Path, classes: list[str], rows: Iterable[dict[str, Any]]) -> None:
    with writing(path, classes) as append:
        for row in rows:
            append(json_files.dumps(row))


def read_list(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Class names and rows of a list.

    Raises:
        InputError: not there, not such a list, a class name that no folder can have, or a row that is wrong: its
            path, which must stay below the list's folder and be there once, its label, split, source or boxes.
    """
    try:
        content = json_files.read(path)
        classes, rows = content['metainfo']['classes'], content['data_list']
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(path, expected='an annotation list', found='nothing',
                         remedy='run the stage that writes it: make crop, or make synth') from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, expected='an OpenMMLab 2.0 annotation list', found=f'{type(error).__name__}: {error}',
                         remedy=_AGAIN) from None
    if type(classes) is not list or type(rows) is not list or len(set(map(str, classes))) != len(classes) or any(
            names.fault(name) or '/' in name for name in classes):
        raise InputError(path, expected='a list of rows, and class names that folders can have, each once',
                         found=f'classes {classes!r:.80}', remedy=_AGAIN)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        if type(row) is not dict:
            raise InputError(f'{path}, row {number}', expected='an object', found=f'{row!r:.80}', remedy=_AGAIN)
        if wrong := _wrong_field(row, len(classes)):
            raise InputError(f'{path}, row {number}', expected=wrong[1], remedy=_AGAIN,
                             found=f'{row.get(wrong[0], "nothing")!s:.80}')
        if (first := seen.setdefault(row['img_path'], number)) != number:
            raise InputError(f'{path}, row {number}', expected='every img_path once', remedy=_AGAIN,
                             found=f'{row["img_path"]}, as in row {first}')
    return classes, rows


def _wrong_field(row: dict[str, Any], classes: int) -> tuple[str, str] | None:
    """A field that is not what `write_list` is given, and what it should be."""
    if names.fault(row.get('img_path')):
        return 'img_path', 'img_path below the folder of the list'
    if not (type(row.get('gt_label')) is int and 0 <= row['gt_label'] < classes):
        return 'gt_label', f'gt_label below {classes}'
    if row.get('split') not in SPLITS:
        return 'split', f'split as one of {", ".join(SPLITS)}'
    if row.get('box_source') not in SOURCES:
        return 'box_source', f'box_source as one of {", ".join(SOURCES)}'
    if type(row.get('image_id', 0)) is not int:
        return 'image_id', 'image_id as a whole number'
    if 'parents' in row and not (type(row['parents']) is list and all(type(one) is int for one in row['parents'])):
        return 'parents', 'parents as a list of whole numbers'
    if row.get('score') is not None and not is_number(row['score']):
        return 'score', 'score as a number, or null'
    if 'sha256' in row and not (type(row['sha256']) is str and _SHA256.fullmatch(row['sha256'])):
        return 'sha256', 'sha256 as 64 hex digits'
    for field in ('box', 'crop'):
        if row.get(field) is not None and not is_box(row[field]):
            return field, f'{field} as four numbers, or null'
    return None


def check_training_list(path: Path, test_ids: AbstractSet[int] = frozenset()) -> None:
    """Refuse a training list that holds anything but training images.

    Args:
        path: the list.
        test_ids: image ids of the official test split, to catch a row whose ``split`` is wrong as well, or an image
            that was made of one.
    Raises:
        InputError: names the first such row.
    """
    for number, row in enumerate(read_list(path)[1]):
        ids = [row.get('image_id'), *row.get('parents', ())]
        if row['split'] != 'train' or not test_ids.isdisjoint(ids):
            raise InputError(f'{path}, row {number}', expected='images of the train split only',
                             found=f'{row["img_path"]} of split {row["split"]}, image '
                             f'{", ".join(map(str, ids))}',
                             remedy='never edit lists by hand; run make crop (or make synth) again')
