"""What every reader gives: the images as the official lists name them, then one record per image."""
from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.core import images, names
from pipelines.core.errors import InputError


class Entry(NamedTuple):
    """An image as listed, before a file of its own is read.

    Args:
        id: unique in the dataset.
        file: relative to the image folder.
        label: 0-based index into the categories.
        split: train, val or test.
        xyxy: as in `Record`, where a table gives it.
        line: of that table.
    """
    id: int
    file: str
    label: int
    split: str
    xyxy: tuple[float, ...] | None = None
    line: int | None = None


@dataclass(frozen=True)
class Index:
    """All images of a dataset, in columns by id in rising order, so that a million of them stay small.

    Args:
        categories: rows with ``name``, ``supercategory`` and, for dogs, ``wnid``, in the official order.
        ids: (N,).
        files: (N,) relative to the image folder.
        labels: (N,) 0-based indices into the categories.
        test: (N,) whether the official split says so.
        xyxy: (N, 4) pixels, where a table gives them.
        lines: (N,) of that table.
    """
    categories: list[dict]
    ids: NDArray[np.int64]
    files: list[str]
    labels: NDArray[np.int64]
    test: NDArray[np.bool_]
    xyxy: NDArray[np.float64] | None = None
    lines: NDArray[np.int64] | None = None

    def entries(self, split: NDArray[np.str_]) -> Iterator[Entry]:
        for i, file in enumerate(self.files):
            yield Entry(int(self.ids[i]), file, int(self.labels[i]), str(split[i]),
                        None if self.xyxy is None else tuple(self.xyxy[i].tolist()),
                        None if self.lines is None else int(self.lines[i]))


class Record(NamedTuple):
    """One image with its annotated animals.

    Args:
        id, file, label: of the `Entry`.
        size: width and height in pixels.
        xyxy: (N, 4) pixels, half-open, as annotated: they may leave the image.
        source: the file, relative to RAW and with ``:line`` where there is one, that the boxes were read from.
        rescaled: in words, the other size that the annotation gives; its boxes were scaled to ``size``.
    """
    id: int
    file: str
    label: int
    size: tuple[int, int]
    xyxy: NDArray[np.float64]
    source: str
    rescaled: str | None = None


def official_file(name: str, where: str) -> str:
    """A relative path out of a list.

    Raises:
        InputError: a path that leads out of the image folder, or would on another system (`names.check`).
    """
    return names.check(name, where, expected='a path below the image folder',
                       remedy='take the lists from the official archive')


def image_size(path: str, listed: str, remedy: str) -> tuple[int, int]:
    """`images.size` of an image that a list names.

    Raises:
        InputError: not there.
        DamagedError: no image.
    """
    try:
        return images.size(path)
    except InputError:
        if os.path.isfile(path):
            raise
        raise InputError(path, expected=f'an image ({listed})', found='nothing', remedy=remedy) from None
