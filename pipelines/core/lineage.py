"""Annotation lists that mmpretrain and mmagic both read, with the lineage of every row.

A list is OpenMMLab 2.0's ``{"metainfo": {"classes": [...]}, "data_list": [...]}``. A row has ``img_path`` (relative to
the list's folder) and ``gt_label`` for the libraries and, for us, ``image_id``, ``split``, ``box_source`` (``gt``,
``det``, ``fallback``: the whole image because nothing was detected, ``none``: the whole image on purpose, or
``synthetic``), ``score``, ``box`` and ``crop`` (xyxy in the source image), or ``generator`` (SHA-256 of its weights)
and ``seed`` for a synthetic image.
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipelines.core.errors import InputError
from pipelines.core.manifest import write_json


def write_list(path: Path, classes: list[str], rows: Iterable[dict]) -> None:
    write_json(path, dict(metainfo=dict(classes=classes), data_list=list(rows)))


def read_list(path: Path) -> tuple[list[str], list[dict]]:
    """Class names and rows of a list.

    Raises:
        InputError: not there, not such a list, or a row whose label has no class.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        classes, rows = content['metainfo']['classes'], content['data_list']
    except FileNotFoundError:
        raise InputError(path, expected='an annotation list', found='nothing',
                         remedy='run the stage that writes it: make crop, or make synth') from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, expected='an OpenMMLab 2.0 annotation list', found=f'{type(error).__name__}: {error}',
                         remedy='run the stage that writes it again: make crop, or make synth') from None
    for number, row in enumerate(rows):
        if not 0 <= row['gt_label'] < len(classes):
            raise InputError(f'{path}, row {number}', expected=f'gt_label below {len(classes)}',
                             found=str(row['gt_label']), remedy='run make crop again')
    return classes, rows


def check_training_list(path: Path, test_ids: set[int] = frozenset()) -> None:
    """Refuse a training list that holds anything but training images.

    Args:
        path: the list.
        test_ids: image ids of the official test split, to catch a row whose ``split`` is wrong as well.
    Raises:
        InputError: names the first such row.
    """
    for number, row in enumerate(read_list(path)[1]):
        if row['split'] != 'train' or row.get('image_id') in test_ids:
            raise InputError(f'{path}, row {number}', expected='images of the train split only',
                             found=f'{row["img_path"]} of split {row["split"]}, image {row.get("image_id")}',
                             remedy='never edit lists by hand; run make crop (or make synth) again')
