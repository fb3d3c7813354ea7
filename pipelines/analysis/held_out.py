"""Folds of a dataset, each a WORK/DATASET of its own, whose test split is what it holds out."""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pipelines.core import coco, folds, images, json_files, lineage, manifest, near_duplicates, rows, shards
from pipelines.runs import Run

_SHARD = 500  # images


def hashes(work: Path, folder: Path, engine: shards.Engine) -> Path:
    """By image id, the perceptual hash of every photograph."""
    splits = coco.read_splits(work / 'convert')
    files = {image_id: row['file_name'] for split in splits.values() for image_id, row in split.images.items()}

    def build(out: Path) -> None:
        done = shards.run(hashed, files.items(), (work.absolute() / 'convert/images',), out / '.shards', size=_SHARD,
                          total=len(files), title='audit: near duplicates', engine=engine)
        json_files.write(out / 'hashes.json', {key: value for part in shards.results(done) for key, value in part})

    manifest.produce(folder, 'audit: hashes', {}, {'convert/images': manifest.Listed(
        work / 'convert/images', sorted(files.values()))}, build, packages=('imagehash', 'pillow'), resume=True)
    return folder / 'hashes.json'


def hashed(files: list[tuple[int, str]], source: Path) -> list[tuple[str, str]]:
    """Image ids with the hashes of their photographs: a shard."""
    return [(str(image_id), near_duplicates.hashed(images.decode(source / file))) for image_id, file in files]


def cut(work: Path, row: rows.Row, parts: Sequence[Path], of_images: Path, seed: int) -> None:
    """Make each fold a WORK/DATASET of its own, whose test split is what is held out."""
    lists = {split: work / row.images.lists([split])[0] for split in ('train', 'val')}
    read = {split: lineage.read_list(path) for split, path in lists.items()}
    every = [(split, one) for split, (_, found) in read.items() for one in found]
    classes = read['train'][0]
    by_id = json_files.read(of_images)
    ids = [str(one['image_id']) for _, one in every]
    groups = np.arange(len(ids))
    for same in near_duplicates.sets([by_id[image_id] for image_id in ids]):
        groups[same] = same[0]
    plan = folds.plan(np.array([one['gt_label'] for _, one in every]), groups, len(parts), seed=seed, classes=classes,
                      val_share=len(read['val'][1]) / len(every))
    metainfo = {key: value for key, value in json_files.read(lists['train'])['metainfo'].items() if key != 'classes'}
    inputs = {f'crop/{path.name}': path for path in lists.values()} | {'models/audit/hashes/hashes.json': of_images}
    for number, (part, places) in enumerate(zip(parts, plan), start=1):
        def build(folder: Path, places: np.ndarray = places) -> None:
            for place, split in ((folds.TRAIN, 'train'), (folds.VAL, 'val'), (folds.HELD_OUT, 'test')):
                with lineage.writing(folder / f'{row.images.kind}_{split}.json', classes, **metainfo) as append:
                    for i in np.flatnonzero(places == place):
                        append(json_files.dumps(dict(every[i][1], split=split)))

        out = part / 'crop'
        manifest.produce(out, 'audit: fold', dict(fold=number, folds=len(parts), seed=seed), inputs, build, quick=True)
        manifest.link(out / row.images.kind, os.path.relpath(work / 'crop' / row.images.kind, out))


def share_vectors(work: Path, runs: Iterable[Run]) -> None:
    """Let folds of a frozen network keep its vectors where the dataset's own rows do, as they are of images alone."""
    from pipelines.openmm.classify import frozen_features
    from pipelines.openmm.engine import config

    for run in runs:
        link = run.work / frozen_features.FOLDER
        if not link.exists() and config.sees_once(run.load()):
            (work / frozen_features.FOLDER).mkdir(exist_ok=True)
            manifest.link(link, os.path.relpath(work / frozen_features.FOLDER, run.work))
