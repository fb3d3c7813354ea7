"""What a layout of raw data is to convert."""
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from data_converters.records import Entry, Index, Record, image_frame, in_frame
from pipelines.core.errors import InputError


class Reader(Protocol):
    """One layout. A subclass has to say `layout`, `shape`, `recognises` and `index`; the rest fits most of them.

    Args:
        layout: its name, for ``--layout``.
        shape: what it looks like on disk, in a line.
        benchmark: its splits are those of published results: oddities in them are listed, not refused.
        images: the image folder, relative to RAW; '' where that is RAW itself.
        species: super-class of its classes, unless the user gives one.
        left_top_size: boxes are written as left, top, width, height: corners can be mistaken for it.
        remedy: for what is wrong with its lists.
    """
    layout: ClassVar[str]
    shape: ClassVar[str]
    benchmark: ClassVar[bool] = False
    images: ClassVar[str] = ''
    species: ClassVar[str] = 'object'
    left_top_size: ClassVar[bool] = False
    remedy: ClassVar[str] = 'correct the lists, or put the file there'

    def recognises(self, raw: Path) -> bool:
        """Whether a folder looks like this layout, whole or with parts missing."""
        ...

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        """The images that the lists name, with all that the lists say.

        Raises:
            InputError: wrong or missing rows, with file and line.
        """
        ...

    def locate(self, raw: Path, annotation_only: bool = False) -> tuple[Path, dict[str, Path]]:
        """The folder that `index` reads; and, where the dataset is still packed, its archives by name.

        Raises:
            InputError: a wrong folder, missing parts, or no way to do without the images.
        """
        if annotation_only:
            raise InputError('--annotation-only', expected='a layout whose annotations give the image sizes '
                             '(stanford-dogs)', found=self.layout, remedy='leave the switch out')
        return raw, {}

    def unpack(self, archives: dict[str, Path], into: Path) -> Path:
        """Unpack the archives that `locate` found; the folder that `index` reads."""
        raise ValueError(f'{self.layout} is not read from archives')

    def annotations(self, root: Path, index: Index) -> dict[str, list[str]]:
        """By folder, relative to ``root``, the files of single images that `index` or `record` read."""
        return {'': sorted(index.sources)} if index.sources else {}

    def record(self, root: Path, entry: Entry, annotation_only: bool = False) -> Record:
        """Read what belongs to one image.

        Raises:
            InputError: no image.
            DamagedError: its header is damaged.
        """
        folder = f'{root}/{self.images}' if self.images else root
        real, turned = image_frame(f'{folder}/{entry.file}', 'it is in the lists', self.remedy)
        xyxy, rescaled, turned = in_frame(entry.file, np.array(entry.xyxy, float).reshape(-1, 4), entry.size, real,
                                          turned, 'the annotation')
        return Record(entry.id, entry.file, entry.label, real, xyxy, entry.source or entry.file, rescaled, turned)
