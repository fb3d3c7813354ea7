"""Which images of the official lists are in train, val and test."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_converters.records import Index
from pipelines.core import coco_rows, names
from pipelines.core.errors import InputError


def hold_out(labels: NDArray[np.int64], test: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.str_]:
    """Hold out val: of every class, ``share`` of its training images, at least 1.

    The legacy ``RandomState`` is the one NumPy generator whose stream is frozen for good, on every platform.

    Args:
        labels: (N,) class of every image.
        test: (N,) whether the official split has it in test.
    Returns:
        (N,) train, val or test.
    Raises:
        InputError: a class with fewer than 2 training images, or none at all.
    """
    random = np.random.RandomState(seed)
    splits = np.where(test, 'test', 'train').astype('<U5')
    train = np.flatnonzero(~test)
    by_label = train[np.argsort(labels[train], kind='stable')]
    ordered = labels[by_label]
    for label in np.unique(labels):
        members = by_label[slice(*np.searchsorted(ordered, [label, label + 1]))]
        if len(members) < 2:
            raise InputError('the official split', expected='at least 2 training images of every class',
                             found=f'{len(members)} of class {label + 1}', remedy='add images, or take the class out')
        order = random.permutation(len(members))
        splits[members[order[:max(1, round(share * len(members)))]]] = 'val'
    return splits


def check_index(index: Index) -> None:
    """Every image is there once, by the name of its crops (`names.key`), and some are for testing.

    Raises:
        InputError: names both images; or no test image; or a class that no folder can be named after.
    """
    if not index.test.any():
        raise InputError('the official split', expected='test images', found='none',
                         remedy='mark some images as test images in the official list')
    coco_rows.categories([dict(row, id=number) for number, row in enumerate(index.categories, start=1)],
                         'the official lists', 'give the class another name')
    stems = np.fromiter((hash(names.key(file)) for file in index.files), np.int64)
    order = np.argsort(stems, kind='stable')
    for first, again in zip(order, order[1:]):
        if stems[first] == stems[again]:
            one, other = (f'{index.files[i]} (image {index.ids[i]}, {"test" if index.test[i] else "train"})'
                          for i in (first, again))
            raise InputError('the official lists', expected='every image once', found=f'{other} after {one}',
                             remedy='take one of the two out of the lists')


def with_images(index: Index) -> Index:
    """Without the classes that no image has, as in a subset of CUB with the complete ``classes.txt``."""
    used, labels = np.unique(index.labels, return_inverse=True)
    if len(used) < len(index.categories):
        print(f'{len(index.categories) - len(used)} of {len(index.categories)} classes have no image and are left out')
    return replace(index, categories=[index.categories[i] for i in used], labels=labels)
