"""What every reader gives: one record per image, and the categories they are labelled with."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import InputError


@dataclass(frozen=True)
class Record:
    """One image with its annotated animals.

    Args:
        id: unique in the dataset, from 1.
        file: relative to the image folder.
        size: width and height in pixels.
        label: 0-based index into the categories.
        xyxy: (N, 4) pixels, half-open, as annotated: they may leave the image.
        split: ``train`` or ``test``, the official one.
        source: the file, with ``:line`` where there is one, that the boxes were read from.
    """
    id: int
    file: str
    size: tuple[int, int]
    label: int
    xyxy: NDArray[np.float64]
    split: str
    source: str


@dataclass(frozen=True)
class RawDataset:
    """A dataset as read, before checks on boxes and before the validation split.

    Args:
        categories: rows with ``name``, ``supercategory`` and, for dogs, ``wnid``, in the official order.
        records: in the official order.
        images: the image folder; None when only annotations were read.
        rescaled: images whose annotation gives another size than the file has, with both sizes.
    """
    categories: list[dict]
    records: list[Record]
    images: Path | None
    rescaled: list[str] = field(default_factory=list)


def official_file(name: str, where: str) -> str:
    """A relative path out of a list.

    Raises:
        InputError: a path that leads out of the image folder.
    """
    if name.startswith('/') or '..' in name.split('/'):
        raise InputError(where, expected='a path below the image folder', found=name,
                         remedy='take the lists from the official archive')
    return name
