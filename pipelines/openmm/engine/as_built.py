"""Before a training: what its datasets hold, as built, is what the lists of this WORK say.

Whatever a config writes (other folders, wrappers, samplers, options), the datasets and loaders that mmengine builds of
it are gone through image by image: path, label, order, classes and split. A dataset without a list is not trained on.
"""
from __future__ import annotations

import copy
import gc
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import coco, lineage
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config, config_lines
from pipelines.openmm.engine.config_files import PRETRAINING

if TYPE_CHECKING:
    from mmengine import Config


@dataclass(frozen=True)
class Row:
    """One image of a list. Labels: the class of the image, or those of its boxes."""
    split: str
    labels: tuple[int, ...]
    synthetic: bool = False


@dataclass(frozen=True)
class List:
    """An annotation list of a stage: rows by their images' absolute paths, in order.

    Args:
        key: of the dataset in the config that reads it.
    """
    key: str
    file: Path
    classes: tuple[str, ...]
    rows: Mapping[str, Row]


@dataclass(frozen=True)
class Split:
    """What one split of a config reads.

    Args:
        images: distinct ones, however often a wrapper repeats them.
        synthetic: how many of them are.
        counts: by class, the labels of real ones; a detector's image has one for each of its boxes.
    """
    images: int
    synthetic: int
    counts: tuple[int, ...] = ()


def check(cfg: Config, lists: Mapping[str, Sequence[str]]) -> dict[str, Split]:
    """Go through the datasets and loaders that a config builds.

    Args:
        cfg: as loaded by `config.load`.
        lists: by split, the annotation lists that it may read, relative to ``data_root``. Of train it need not read
            every image.
    Returns:
        by split, what it reads; a GAN's config has ``train`` alone.
    Raises:
        InputError: names the key of the config, or the image, and its line.
    """
    read, found = {}, {}
    wanted = {split: [os.path.abspath(os.path.join(cfg.data_root, name)) for name in names]
              for split, names in lists.items()}
    for split in (split for split in lists if _is_read(cfg, split)):
        as_read = _as_read(cfg, split)
        loader = _loader(as_read, split)
        _check_evaluator(as_read, split, wanted[split])
        built = [_list(cfg, split, leaf, wanted[split]) for leaf in _leaves(loader.dataset)]
        seen = _images(cfg, split, loader.dataset, built)
        if split != 'train' or config.sees_once(cfg):
            _check_same(cfg, split, loader.dataset)
        if split != 'train':
            _check_whole(cfg, split, built, seen)
            _check_order(cfg, split, loader)
        elif not len(loader):
            raise _refuse(cfg, 'train_dataloader.drop_last', expected=f'batches of {loader.batch_size}',
                          found=f'none: there are {len(loader.dataset)} images, and drop_last leaves out what is less',
                          remedy='set a smaller batch_size, or drop_last=False')
        read[split] = built
        kept = getattr(loader.sampler, 'kept', range(len(seen)))  # of a sampler that leaves images out for good
        distinct = dict(seen[index] for index in kept)
        found[split] = Split(len(distinct), sum(row.synthetic for row in distinct.values()),
                             _counts(distinct.values(), len(built[0].classes)))
    if cfg.default_scope == 'mmpretrain':
        _check_apart(read)
    return found


def _counts(rows: Iterable[Row], classes: int) -> tuple[int, ...]:
    found = Counter(label for row in rows if not row.synthetic for label in row.labels)
    return tuple(found[label] for label in range(classes))


def _is_read(cfg: Config, split: str) -> bool:
    """Whether a config has a split; a classifier's has all, unless it is only a start for others.

    Raises:
        InputError: it has not.
    """
    found = bool(cfg.get(f'{split}_dataloader'))
    if not found and cfg.default_scope == 'mmpretrain' and not cfg.get(PRETRAINING):
        raise _refuse(cfg, f'{split}_dataloader', expected=f'a loader of {split}: the table needs it', found='none',
                      remedy='take the line out')
    return found


def _as_read(cfg: Config, split: str) -> Config:
    """The config whose loader is read for a split; a detector's test images are those of test.json, not of val's."""
    if cfg.default_scope != 'mmdet' or split != 'test':
        return cfg
    from pipelines.openmm.engine import evaluation

    cfg = copy.deepcopy(cfg)
    evaluation.choose(cfg, 'test', Path(cfg.filename))
    return cfg


def _loader(cfg: Config, split: str) -> Any:
    """`network.loader`, without pycocotools' words.

    mmengine collects garbage for each dataset, 0.3 s with its libraries loaded: what is alive now is left out of that.
    """
    from pipelines.openmm.engine import network, training

    gc.freeze()
    try:
        with training.quiet():
            return network.loader(cfg, split)
    finally:
        gc.unfreeze()


def _refuse(cfg: Config, key: str, **parts: str) -> InputError:
    return InputError(config_lines.place(Path(cfg.filename), key), **parts)


def _leaves(dataset: Any) -> Iterator[Any]:
    """The datasets inside of wrappers."""
    inner = getattr(dataset, 'datasets', None) or [part for name in ('dataset', '_dataset')
                                                   if (part := getattr(dataset, name, None)) is not None]
    for part in inner:
        yield from _leaves(part)
    if not inner:
        yield dataset


def _key(cfg: Config, split: str, name: str) -> str:
    """Where a config says the dataset that reads a list."""
    loader = f'{split}_dataloader'
    for key, value in config.walk(cfg[loader], loader):
        if key.endswith('.ann_file') and name.endswith(str(value)):
            return key.removesuffix('.ann_file')
    return f'{loader}.dataset'


def _list(cfg: Config, split: str, leaf: Any, wanted: Sequence[str]) -> List:
    """The list that a dataset was built from."""
    name = getattr(leaf, 'ann_file', None)
    key = _key(cfg, split, str(name))
    if not name:
        raise _refuse(cfg, f'{key}.type', expected='a dataset with an annotation list (ann_file)',
                      found=type(leaf).__name__, remedy='name a list of this WORK: it says which images are of train')
    file, root = Path(os.path.abspath(name)), os.path.abspath(cfg.data_root)
    if not file.is_relative_to(root):
        raise _refuse(cfg, f'{key}.data_root', expected=f'a list below {cfg.data_root}', found=str(name),
                      remedy='take data_root out: it is the WORK that make was asked for')
    if str(file) not in wanted:
        raise _refuse(cfg, f'{key}.ann_file', found=os.path.relpath(file, root), expected=' or '.join(
            os.path.relpath(path, root) for path in wanted) + f', as asked for of {split}',
            remedy='take that out: make says which images are seen, a row by what stands behind its @')
    found = (_coco_list if cfg.default_scope == 'mmdet' else _crop_list)(cfg, key, file)
    if tuple(leaf.metainfo.get('classes', ())) != found.classes:
        raise _refuse(cfg, f'{key}.metainfo', expected=f'the classes of {file.name}, in its order',
                      found=', '.join(map(str, leaf.metainfo.get('classes', ())))[:80] or 'none',
                      remedy='take the line out: names come from the data')
    return found


def _check_evaluator(cfg: Config, split: str, wanted: Sequence[str]) -> None:
    """A metric that reads annotations itself reads those of its split."""
    node = cfg.get(f'{split}_evaluator') or {}
    for key, value in config.walk(node, f'{split}_evaluator'):
        if key.endswith('ann_file') and os.path.abspath(value) not in wanted:
            raise _refuse(cfg, key, expected=' or '.join(wanted), found=str(value),
                          remedy='let metric and dataset read the same list')


def _crop_list(cfg: Config, key: str, file: Path) -> List:
    classes, rows = lineage.read_list(file)
    return List(key, file, tuple(classes), {
        os.path.normpath(file.parent / row['img_path']): Row(row['split'], (row['gt_label'],),
                                                             row['box_source'] == 'synthetic') for row in rows})


def _coco_list(cfg: Config, key: str, file: Path) -> List:
    truth = coco.read(file)
    one = cfg.class_agnostic
    classes = sorted({row['supercategory'] for row in truth.categories}) if one else [
        row['name'] for row in truth.categories]
    labels = {row['id']: 0 if one else label for label, row in enumerate(truth.categories)}
    return List(key, file, tuple(classes), {
        os.path.normpath(file.parent / 'images' / image['file_name']): Row(
            file.stem, tuple(labels[box['category_id']] for box in truth.annotations.get(image_id, ())))
        for image_id, image in truth.images.items()})


def _images(cfg: Config, split: str, dataset: Any, lists: Sequence[List]) -> list[tuple[str, Row]]:
    """(path, row) of every image that a dataset hands out, as its wrappers order and repeat them."""
    if not hasattr(dataset, 'get_data_info'):
        raise _refuse(cfg, f'{split}_dataloader.dataset.type', expected='a dataset or wrapper with get_data_info',
                      found=type(dataset).__name__, remedy='take a wrapper of mmengine: its images can be checked')
    rows = {path: (part, row) for part in lists for path, row in part.rows.items()}
    seen: list[tuple[str, Row]] = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        path = os.path.abspath(info.get('img_path') or info['gt_path'])
        part, row = rows.get(path, (lists[0], None))
        if row is None:
            raise _refuse(cfg, f'{part.key}.data_prefix', expected='the images of its list',
                          found=f'{path}, image {index}', remedy='correct data_root, data_prefix or ann_file')
        if row.split != split:
            raise _refuse(cfg, f'{part.key}.ann_file', expected=f'images of {split}',
                          found=f'{path}, of {row.split}', remedy=f'name a list of {split} there')
        labels = [info['gt_label']] if 'gt_label' in info else [box['bbox_label'] for box in info.get('instances', ())]
        if not set(labels) <= set(row.labels) or 'gt_label' not in info and len(labels) > len(row.labels):
            raise _refuse(cfg, part.key, expected=f'label {row.labels} for {path}',
                          found=str(labels), remedy='take a dataset that reads labels from its list')
        seen.append((path, row))
    if not seen:
        raise _refuse(cfg, f'{split}_dataloader.dataset', expected='images', found='none',
                      remedy='see what its list holds, and what filter_cfg or indices leave of it')
    return seen


def _check_whole(cfg: Config, split: str, lists: Sequence[List], seen: Sequence[tuple[str, Row]]) -> None:
    """Val and test are one list each, whole and in its order."""
    key = f'{split}_dataloader.dataset'
    if len(lists) > 1:
        raise _refuse(cfg, key, expected=f'one list of {split}', found=', '.join(part.file.name for part in lists),
                      remedy='name one of them')
    wanted = list(lists[0].rows)
    if [path for path, _ in seen] != wanted:
        raise _refuse(cfg, key, expected=f'the {len(wanted)} images of {lists[0].file.name}, each once, in its order',
                      found=f'{len(seen)} images', remedy='take out what filters, repeats or reorders them')


def _check_order(cfg: Config, split: str, loader: Any) -> None:
    """A test loader reads its list from first to last; one of val reads every image once."""
    count, batches = len(loader.dataset), loader.batch_sampler
    order = list(itertools.islice(itertools.chain.from_iterable(batches), count + 1))
    if order != list(range(count)) and (split == 'test' or sorted(order) != list(range(count))):
        how = 'from first to last' if split == 'test' else 'each once'
        raise _refuse(cfg, f'{split}_dataloader.sampler', expected=f'the images of {split}, {how}',
                      found=f'{len(order)} of {count} images, beginning with number {(order or ["none"])[0]}',
                      remedy="write sampler=dict(type='DefaultSampler', shuffle=False), without drop_last")


def _check_same(cfg: Config, split: str, dataset: Any) -> None:
    """Images of val and test, and of train where a network sees each once, are the same whatever random numbers are
    drawn; six at most are looked at."""
    import random

    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            for index in range(0, len(dataset), -(-len(dataset) // 6)):
                drawn = []
                for seed in range(3):
                    random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)
                    drawn.append(torch.as_tensor(dataset[index]['inputs']))
                if any(other.shape != drawn[0].shape or not other.equal(drawn[0]) for other in drawn[1:]):
                    raise _refuse(cfg, f'{split}_dataloader.dataset.pipeline', expected=f'the same {split} image each '
                                  'time', found=f'image {index} in several versions',
                                  remedy='take what is random out of this pipeline')
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _check_apart(read: Mapping[str, Sequence[List]]) -> None:
    """No image of a training list is one of val's or test's, whatever its row says of its split."""
    others = {row['image_id'] for split in ('val', 'test') for part in read.get(split, ())
              for row in lineage.read_list(part.file)[1]}
    for part in read['train']:
        lineage.check_training_list(part.file, others)
