"""What the gate's trainings read: val, or folds of train and val, as folders of lists like a WORK/DATASET's.

    models/gate/val/               train and val as they are
    models/gate/fold1-of-5/ ...    each image of train and val is held out in one of them

    crop/KIND_{train,val,test}.json   ``test`` holds the images of val: of the official test split nothing is read
    crop/KIND, synth/GENERATOR/images links
    synth/GENERATOR/train.json        without the images that were made of held-out ones
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core import files, folds, lineage

Rows = list[dict[str, Any]]


def is_of_parents(synthetic: Rows) -> bool:
    """Whether images name those that they were made of: then nothing was trained, and they can be sorted out."""
    return bool(synthetic) and all(row.get('parents') for row in synthetic)


def write(work: Path, out: Path, kind: str, generators: Sequence[str], count: int, *, seed: int = 0) -> list[Path]:
    """Write the folders of lists; the same bytes from the same lists.

    Args:
        work: WORK/DATASET.
        out: gets the folders.
        kind: of crop.
        generators: whose images the trainings see.
        count: of folds; 1: val is held out, as it is.
        seed: of the division.
    Returns:
        a folder for each fold.
    Raises:
        InputError: a list that is not there, or damaged; too few images for so many folds.
    """
    lists = {split: lineage.read_list(work / 'crop' / f'{kind}_{split}.json') for split in ('train', 'val')}
    classes, synthetic = lists['train'][0], {name: lineage.read_list(work / 'synth' / name / 'train.json')[1]
                                             for name in generators}
    if count == 1:
        return [_write(work, out / 'val', kind, classes, lists['train'][1], lists['val'][1], synthetic)]
    rows = [*lists['train'][1], *lists['val'][1]]
    labels = np.array([row['gt_label'] for row in rows])
    found = []
    for number, held in enumerate(folds.divided(labels, np.arange(len(rows)), count, seed), start=1):
        out_of = set(held.tolist())
        found.append(_write(work, out / f'fold{number}-of-{count}', kind, classes,
                            [row for i, row in enumerate(rows) if i not in out_of], [rows[i] for i in sorted(out_of)],
                            synthetic))
    return found


def _write(work: Path, folder: Path, kind: str, classes: list[str], train: Rows, held: Rows,
           synthetic: dict[str, Rows]) -> Path:
    crop = folder / 'crop'
    crop.mkdir(parents=True, exist_ok=True)
    files.link(crop / kind, os.path.relpath(work / 'crop' / kind, crop))
    for split, rows in dict(train=train, val=held, test=held).items():
        lineage.write_list(crop / f'{kind}_{split}.json', classes, [dict(row, split=split) for row in rows])
    unseen = {row['image_id'] for row in held}
    for name, rows in synthetic.items():
        (place := folder / 'synth' / name).mkdir(parents=True, exist_ok=True)
        files.link(place / 'images', os.path.relpath(work / 'synth' / name / 'images', place))
        lineage.write_list(place / 'train.json', classes, [row for row in rows
                                                           if unseen.isdisjoint(row.get('parents', ()))])
    return folder
