"""Folds of a dataset: every image is held out once, and images that look the same are held out together."""
from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import InputError

TRAIN, VAL, HELD_OUT = 0, 1, 2


def plan(labels: NDArray[np.int64], groups: NDArray[np.int64], folds: int, *, val_share: float, seed: int,
         classes: Sequence[str]) -> NDArray[np.int8]:
    """What each image is in each fold. The parts of a fold share no group, and have the classes in equal shares.

    Args:
        labels: (N,) of the images.
        groups: (N,) images of a group stay together.
        folds: how many.
        val_share: of the images that are not held out, which choose the epoch: whoever is judged must not.
        seed: of the draw.
        classes: their names.
    Returns:
        (folds, N) TRAIN, VAL or HELD_OUT.
    Raises:
        InputError: a class that a fold would not train on, or a fold without one of its parts.
    """
    found = np.full((folds, len(labels)), TRAIN, np.int8)
    for fold, held in enumerate(divided(labels, groups, folds, seed)):
        found[fold, held] = HELD_OUT
        rest = np.flatnonzero(found[fold] == TRAIN)
        parts = min(max(round(1 / val_share), 3), 20, len(np.unique(groups[rest])), np.bincount(labels[rest]).max())
        found[fold, rest[next(iter(divided(labels[rest], groups[rest], parts, seed)))]] = VAL
        trained = np.bincount(labels[found[fold] == TRAIN], minlength=len(classes))
        empty = [part for part in (TRAIN, VAL, HELD_OUT) if not (found[fold] == part).any()]
        if empty or not trained.all():
            lacking = classes[int(trained.argmin())]
            raise InputError('--folds', expected='images of every class to train on in each fold, beside those that '
                             'are held out', found=f'none of {lacking} in fold {fold + 1} of {folds} ('
                             f'{int((labels == trained.argmin()).sum())} images, in groups that look the same)',
                             remedy=f'add images of {lacking}, or take other --folds')
    return found


def divided(labels: NDArray[np.int64], groups: NDArray[np.int64], count: int, seed: int) -> list[NDArray[np.int64]]:
    """Positions of the images that each of so many parts holds, classes in equal shares; no two share a group.

    Raises:
        InputError: too few images.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if count < 2 or len(np.unique(groups)) < count or np.bincount(labels).max() < count:
        raise InputError('--folds', expected=f'a class with {max(count, 2)} images that do not look the same',
                         found='none',
                         remedy='take fewer --folds')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # of classes with fewer images than folds: checked by `plan`
        return [held for _, held in StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(
            labels, labels, groups)]
