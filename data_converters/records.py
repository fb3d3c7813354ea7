"""What a reader gives: the images as its lists name them, then one record per image."""
from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.core import boxes, images, names
from pipelines.core.errors import DamagedError, InputError

Box = tuple[float, float, float, float]
Row = dict[str, Any]  # of JSON


class Entry(NamedTuple):
    """An image as listed, before a file of its own is read.

    Args:
        id: unique in the dataset.
        file: relative to the image folder.
        label: 0-based index into the categories.
        split: train, val or test.
        xyxy: boxes, as in `Record`, where the lists give them.
        size: width and height in which ``xyxy`` counts; (1, 1): in shares of the image; None: in its pixels.
        source: where the boxes stand, relative to RAW, with ``:line`` where there is one.
    """
    id: int
    file: str
    label: int
    split: str
    xyxy: list[Box] = []
    size: tuple[int, int] | None = None
    source: str = ''


@dataclass(frozen=True)
class Index:
    """All images of a dataset, in columns, so that a million of them stay small.

    Args:
        categories: rows with ``name``, ``supercategory`` and, where it is known, ``wnid``.
        ids: (N,) in rising order.
        files: N names, relative to the image folder.
        labels: (N,) 0-based indices into the categories.
        split: (N,) train, val, test, or '' where the dataset does not say; ``train`` alone leaves open what of it is
            to be val.
        xyxy: (M, 4) boxes, image after image, where the lists give them.
        counts: (N,) how many of ``xyxy`` each image has; None: one each.
        sizes: (N, 2) pixels in which the boxes count, as `Entry` has them; 0: not said.
        lines: (N,) of the table ``source`` that gives the boxes.
        source: that table, or with ``sources`` None.
        sources: N files that give the boxes, one per image.
        groups: N names of what must not be torn apart between splits (camera, burst, individual); '': alone.
        read: the lists and annotations themselves, relative to RAW.
        unlabelled: images that the lists name without a class.
    """
    categories: list[Row]
    ids: NDArray[np.int64]
    files: list[str]
    labels: NDArray[np.int64]
    split: NDArray[np.str_]
    xyxy: NDArray[np.float64] | None = None
    counts: NDArray[np.int64] | None = None
    sizes: NDArray[np.int64] | None = None
    lines: NDArray[np.int64] | None = None
    source: str = ''
    sources: list[str] | None = None
    groups: list[str] | None = None
    read: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def test(self) -> NDArray[np.bool_]:
        return np.equal(self.split, 'test')

    def entries(self, split: NDArray[np.str_]) -> Iterator[Entry]:
        """One entry per image; ``split`` is (N,) of train, val and test."""
        start = 0
        for i, file in enumerate(self.files):
            end = start if self.xyxy is None else start + 1 if self.counts is None else start + int(self.counts[i])
            size = None if self.sizes is None or not self.sizes[i].all() else tuple(self.sizes[i].tolist())
            source = self.source if self.sources is None else self.sources[i]
            yield Entry(int(self.ids[i]), file, int(self.labels[i]), str(split[i]),
                        [] if self.xyxy is None else self.xyxy[start:end].tolist(), size,
                        source if self.lines is None else f'{source}:{self.lines[i]}')
            start = end


class Record(NamedTuple):
    """One image with its annotated animals.

    Args:
        id, file, label: of the `Entry`.
        size: width and height in pixels.
        xyxy: (N, 4) pixels, half-open, as annotated: they may leave the image.
        source: the file, relative to RAW and with ``:line`` where there is one, that the boxes were read from.
        rescaled: in words, the other size that the annotation gives; its boxes were scaled to ``size``.
        turned: EXIF's orientation (2 to 8) of an image whose boxes do not say in which frame they are; else 1.
    """
    id: int
    file: str
    label: int
    size: tuple[int, int]
    xyxy: NDArray[np.float64]
    source: str
    rescaled: str | None = None
    turned: int = 1


def official_file(name: str, where: str, remedy: str = 'take the lists from the official archive') -> str:
    """A relative path out of a list.

    Raises:
        InputError: a path that leads out of the image folder, or would on another system (`names.check`).
    """
    return names.check(name, where, expected='a path below the image folder', remedy=remedy)


def image_frame(path: str, listed: str, remedy: str) -> tuple[tuple[int, int], int]:
    """`images.frame` of an image that a list names.

    Raises:
        InputError: not there.
        DamagedError: no image.
    """
    try:
        return images.frame(path)
    except InputError:
        if os.path.isfile(path):
            raise
        raise InputError(path, expected=f'an image ({listed})', found='nothing', remedy=remedy) from None


def in_frame(file: str, xyxy: NDArray[np.float64], size: tuple[int, int] | None, real: tuple[int, int], turned: int,
             said_by: str) -> tuple[NDArray[np.float64], str | None, int]:
    """Boxes as annotated -> in the pixels of the image as a viewer shows it.

    Args:
        xyxy: (N, 4).
        size: width and height in which they count; (1, 1): shares; None: not said.
        real: those of the image, EXIF applied.
        turned: EXIF's orientation.
        said_by: what gives ``size``, in words.
    Returns:
        (N, 4) pixels; what was done, in words; the orientation where nothing tells the boxes' frame, else 1.
    Raises:
        DamagedError: width and height are exchanged, and EXIF is not why.
    """
    if size is None or size == (1, 1):
        return xyxy if size is None else xyxy * np.tile(real, 2), None, turned if len(xyxy) else 1
    if real == size[::-1] != size and turned >= 5:
        return boxes.turn(xyxy, size, turned), (
            f'{file}: {real[0]} x {real[1]} pixels, turned by its EXIF, as its boxes now are'), 1
    if real == size[::-1] != size and len(xyxy):  # scaling would stretch them
        raise DamagedError(file, expected=f'the image\'s size, {real[0]} x {real[1]} pixels, in {said_by}',
                           found=f'{size[0]} x {size[1]}: width and height exchanged, so the boxes are either of the '
                           'image as it is or of the image before somebody turned it',
                           remedy=f'see which, and correct the size or the boxes in {said_by}')
    if real != size:
        return xyxy * np.tile(np.divide(real, size), 2), (
            f'{file}: {real[0]} x {real[1]} pixels, {size[0]} x {size[1]} in {said_by}'), 1
    # of turns that keep the sides in place the size says nothing
    return xyxy, None, turned if len(xyxy) and (turned < 5 or real[0] == real[1]) else 1
