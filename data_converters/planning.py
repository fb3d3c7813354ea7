"""A dataset before any image is opened: its lists read and checked, its splits settled, its inputs named."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters import duplicates, evidence, listing, splits
from data_converters.reader import Reader
from data_converters.records import Index, Row
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import Listed


@dataclass(frozen=True)
class Options:
    """What decides how a dataset is converted; see `convert.convert`."""
    dataset: str
    layout: str
    species: str | None
    annotation_only: bool
    verify: bool
    val_share: float
    seed: int
    box_frame: str | None


@dataclass(frozen=True)
class Plan:
    """A dataset as listed, checked, and its splits settled.

    Args:
        root: what `Reader.index` read.
        splits: (N,) train, val or test.
        drawn: which of them the seed decided.
        twice: rows of ``duplicates.json``.
    """
    root: Path
    index: Index
    splits: NDArray[np.str_]
    drawn: list[str]
    twice: list[Row]

    @property
    def categories(self) -> list[Row]:
        return [dict(id=number, **row) for number, row in enumerate(self.index.categories, start=1)]


def planned(reader: Reader, root: Path, options: Options, subset: bool) -> Plan:
    """Read the lists, check them, and settle the splits.

    Raises:
        InputError: whatever is wrong with the lists; missing files, and unlisted ones unless ``subset``.
    """
    index = reader.index(root, options.annotation_only)
    if options.species:
        index = replace(index, categories=[dict(row, supercategory=options.species) for row in index.categories])
    splits.check_index(index, reader.benchmark)
    index = splits.with_images(index)
    evidence.check_pixels(index, root)
    folder, same = root / reader.images, []
    for part, files in reader.annotations(root, index).items():
        listing.check_present(root / part, files, 'the annotation of an image in the lists', reader.remedy)
    if not options.annotation_only:
        listing.refuse_others(folder, index.files)
        listing.check_present(folder, index.files, 'an image (it is in the lists)', reader.remedy)
        _check_unlisted(folder, index, reader, subset)
        same = duplicates.exact(folder, index.files)
    groups = index.groups if reader.benchmark else duplicates.as_groups(index, same)
    settled, drawn = splits.settled(index, groups, options.val_share, options.seed)
    return Plan(root, index, settled, drawn, duplicates.crossing(index, settled, same))


def _check_unlisted(folder: Path, index: Index, reader: Reader, subset: bool) -> None:
    rest = sorted({*listing.unlisted(folder, index.files), *index.unlabelled})
    if not rest:
        return
    found = f'{len(rest):,} images without one; the first is {rest[0]}'
    if not subset and not reader.benchmark:
        raise InputError(folder, expected='a row or a folder with a class for every image', found=found,
                         remedy='give them one, take them away, or say that a part is meant: SUBSET=1 (--subset)')
    print(f'[convert] left out, as nothing gives them a class: {found}')


def inputs(reader: Reader, plan: Plan, options: Options) -> dict[str, Path | Listed]:
    """The files that lists name, and the lists; what else lies beside them is no input."""
    found: dict[str, Path | Listed] = {file: plan.root / file for file in plan.index.read}
    for folder, files in reader.annotations(plan.root, plan.index).items():
        found[folder or 'annotations'] = Listed(plan.root / folder, files)
    if not options.annotation_only:
        found[reader.images or 'images'] = Listed(plan.root / reader.images, plan.index.files)
    return found
