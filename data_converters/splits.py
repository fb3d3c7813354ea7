"""Which images are in train, val and test: as the dataset says, or drawn by a seed, class by class.

The legacy ``RandomState`` is the one NumPy generator whose stream is frozen for good, on every platform.
"""
from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters.records import Index
from pipelines.core import coco, coco_rows, names
from pipelines.core.errors import InputError
from pipelines.core.files import replacing

NAMES = dict(train='train', training='train', val='val', valid='val', validation='val', test='test', testing='test')
TEST_SHARE = 0.2
NAME = 'splits.csv'
_LEAST = 3  # images of a class: one for each split
_GROUPS = 'give the class another group, or leave the groups out'


def split_of_folder(file: str) -> str:
    """The split that a folder of a path says (``train2017``, ``valid``); '' where none does."""
    words = (part.rstrip('0123456789') for part in file.lower().split('/')[:-1])
    return next((NAMES[word] for word in words if word in NAMES), '')


def hold_out(labels: NDArray[np.int64], test: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.str_]:
    """Hold out val: of every class, ``share`` of its training images, at least 1.

    Args:
        labels: (N,) class of every image.
        test: (N,) whether the image is in test.
    Returns:
        (N,) train, val or test.
    Raises:
        InputError: a class with fewer than 2 training images, or none at all.
    """
    splits = np.where(test, 'test', 'train').astype('<U5')
    splits[drawn(labels, np.flatnonzero(~test), share, np.random.RandomState(seed))] = 'val'
    return splits


def drawn(labels: NDArray[np.int64], pool: NDArray[np.int64], share: float, random: np.random.RandomState
          ) -> NDArray[np.int64]:
    """Draw ``share`` of every class out of a pool, at least 1 and never all.

    Args:
        labels: (N,) class of every image.
        pool: positions that may be drawn.
    Raises:
        InputError: a class with fewer than 2 images in the pool.
    """
    by_label, chosen = pool[np.argsort(labels[pool], kind='stable')], []
    ordered = labels[by_label]
    for label in np.unique(labels):
        members = by_label[slice(*np.searchsorted(ordered, [label, label + 1]))]
        if len(members) < 2:
            raise InputError('the official split', expected='at least 2 training images of every class',
                             found=f'{len(members)} of class {label + 1}', remedy='add images, or take the class out')
        order = random.permutation(len(members))
        chosen.append(members[order[:max(1, round(share * len(members)))]])
    return np.concatenate(chosen)


def drawn_groups(labels: NDArray[np.int64], groups: Sequence[str], pool: NDArray[np.int64], share: float,
                 random: np.random.RandomState) -> NDArray[np.int64]:
    """As `drawn`, but whole groups: of each class at least as much as its share, where a group is left for the rest.

    Classes with few groups come first, as they have the least choice. Of the groups that a class still needs, the first
    one (in drawn order) that fits into what is missing is taken; where none fits, the smallest.

    Raises:
        InputError: a class whose images in the pool are all of one group.
    """
    members: dict[str, list[int]] = {}
    for i in pool.tolist():
        members.setdefault(groups[i] or f'\0{i}', []).append(i)
    shuffled = sorted(members)
    shuffled = [shuffled[i] for i in random.permutation(len(shuffled))]
    sizes = {group: Counter(labels[members[group]].tolist()) for group in shuffled}
    total = Counter(labels[pool].tolist())
    of_class = {label: [group for group in shuffled if sizes[group][label]] for label in sorted(total)}
    taken: Counter[int] = Counter()
    chosen: dict[str, None] = {}
    for label, mine in sorted(of_class.items(), key=lambda row: (len(row[1]), row[0])):
        wanted = max(1, round(share * total[label]))
        while taken[label] < wanted:
            free = [group for group in mine if group not in chosen
                    and all(taken[other] + count < total[other] for other, count in sizes[group].items())]
            if not free:
                break
            fits = [group for group in free if taken[label] + sizes[group][label] <= wanted]
            group = fits[0] if fits else min(free, key=lambda name: sizes[name][label])
            chosen[group] = None
            taken.update(sizes[group])
        if not taken[label]:
            raise InputError('group', expected='two or more groups of every class, for splits without a common group',
                             found=f'all {total[label]} images of class {label + 1} in {len(mine)} group, or in groups '
                             'that other classes need', remedy=_GROUPS)
    return np.array(sorted(i for group in chosen for i in members[group]), int)


def settled(index: Index, groups: Sequence[str] | None, val_share: float, seed: int
            ) -> tuple[NDArray[np.str_], list[str]]:
    """The split of every image: as given; test and val are drawn from train where they are not given.

    Args:
        groups: N names, or None, of what must stay together.
    Returns:
        (N,) train, val or test; which of them were drawn.
    Raises:
        InputError: a split column with gaps; splits without train; a group in two of them; too few images or groups.
    """
    given, done = set(index.split.tolist()), []
    if '' in given and len(given) > 1:
        blank = int((index.split == '').sum())
        raise InputError('split', expected='a split for every image, or for none', found=f'none for {blank:,} of '
                         f'{len(index.files):,}, the first of them {index.files[int(np.argmax(index.split == ""))]}',
                         remedy='write train, val or test into every row, or leave the column out')
    splits = np.where(index.split == '', 'train', index.split).astype('<U5')
    if 'train' not in splits:
        raise InputError('split', expected='training images', found=f'only {" and ".join(sorted(given))}',
                         remedy='put the images to learn from into train')
    _check_groups(index)
    for name, share, stream in (('test', TEST_SHARE, [seed, 1]), ('val', val_share, seed)):
        if name not in given:
            pool, random = np.flatnonzero(splits == 'train'), np.random.RandomState(stream)
            splits[drawn(index.labels, pool, share, random) if groups is None else
                   drawn_groups(index.labels, groups, pool, share, random)] = name
            done.append(name)
    return splits, done


def _check_groups(index: Index) -> None:
    first: dict[str, int] = {}
    for i, group in enumerate(index.groups or ()):
        if group and index.split[first.setdefault(group, i)] != index.split[i]:
            raise InputError('group', expected='every group in one split', remedy='put the whole group into one split',
                             found=f'{group!r} in {index.split[first[group]]} ({index.files[first[group]]}) and in '
                                   f'{index.split[i]} ({index.files[i]})')


def check_index(index: Index, benchmark: bool = True) -> None:
    """Every image is there once, by the name of its crops (`names.key`), and every class can be trained and tested.

    Args:
        benchmark: a split may lack classes that another has.
    Raises:
        InputError: names both images; a class that no folder can be named after, or with too few images; given splits
            without test images, or with other classes than train.
    """
    coco_rows.categories([dict(row, id=number) for number, row in enumerate(index.categories, start=1)],
                         'the official lists', 'give the class another name')
    stems = np.fromiter((hash(names.key(file)) for file in index.files), np.int64)
    order = np.argsort(stems, kind='stable')
    for first, again in zip(order, order[1:]):
        if stems[first] == stems[again]:
            one, other = (f'{index.files[i]} (image {index.ids[i]}, {index.split[i] or "no split"}, '
                          f'{index.categories[index.labels[i]]["name"]})' for i in (first, again))
            what, remedy = (('every image once, whatever its extension', 'rename one of the two, or take it out')
                            if index.labels[first] == index.labels[again] else
                            ('one label for an image', 'decide on one of the two labels'))
            raise InputError('the lists', expected=what, found=f'{other} after {one}', remedy=remedy)
    counts = np.bincount(index.labels, minlength=len(index.categories))
    if len(few := np.flatnonzero((counts > 0) & (counts < _LEAST))):
        found = ', '.join(f'{counts[i]} of {index.categories[i]["name"]}' for i in few[:5])
        raise InputError('the classes', expected=f'at least {_LEAST} images of every class (train, val, test)',
                         found=found + (f' and {len(few) - 5} more classes with fewer' if len(few) > 5 else ''),
                         remedy='add images, or take the class out')
    if not benchmark:
        if len(used := np.flatnonzero(counts)) < 2:
            name = ', '.join(index.categories[i]['name'] for i in used)
            raise InputError('the classes', expected='two classes or more', found=f'{name} alone', remedy='name the '
                             'species in the annotations; or sort the images into class folders (LAYOUT=class-folders) '
                             'and give the annotations as BOXES_FROM')
        _check_split_classes(index)


def _check_split_classes(index: Index) -> None:
    """Every given split has the classes of train."""
    of_split = {split: set(index.labels[index.split == split].tolist()) for split in coco.SPLITS
                if (index.split == split).any()}
    train = of_split.pop('train', set())
    for split, found in of_split.items():
        for here, there, place in ((found, train, 'train'), (train, found, split)):
            if train and (odd := sorted(here - there)):
                listed = ', '.join(index.categories[i]['name'] for i in odd[:5]) + (', ...' if len(odd) > 5 else '')
                raise InputError(split, expected='the classes of train in every split', remedy='give every split the '
                                 'same classes, with the same names', found=f'no {listed} in {place}')


def with_images(index: Index) -> Index:
    """Without the classes that no image has, as in a subset of CUB with the complete ``classes.txt``."""
    used, labels = np.unique(index.labels, return_inverse=True)
    if len(used) < len(index.categories):
        print(f'{len(index.categories) - len(used)} of {len(index.categories)} classes have no image and are left out')
    return replace(index, categories=[index.categories[i] for i in used], labels=labels)


def write(path: Path, index: Index, splits: NDArray[np.str_]) -> None:
    """``file_name,label,split,group`` of every listed image: also a table that convert reads."""
    with replacing(path) as stream:
        table = csv.writer(stream, lineterminator='\n')
        table.writerow(('file_name', 'label', 'split', 'group'))
        for i, file in enumerate(index.files):
            table.writerow((file, index.categories[index.labels[i]]['name'], splits[i],
                            index.groups[i] if index.groups else ''))
