"""How many images of which size: from convert's COCO files, or from RAW's lists where convert has not run."""
from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.core import coco
from pipelines.core.errors import InputError
from tools.planning.commands import Command

_LOOKED_AT = 64  # images whose size and boxes stand for all of RAW


@dataclass(frozen=True)
class Data:
    """A dataset, in numbers.

    Args:
        classes: how many.
        images: by split.
        boxed: by split, images with a box.
        width, height: in pixels, of the mean image.
        converted: they are those of a finished convert.
    """
    classes: int
    images: dict[str, int]
    boxed: dict[str, int]
    width: int
    height: int
    converted: bool

    @property
    def total(self) -> int:
        return sum(self.images.values())

    @property
    def has_boxes(self) -> bool:
        return self.boxed['train'] > 0 and self.boxed['val'] > 0


def read(commands: dict[str, Command]) -> Data:
    """Of the dataset that make would convert, or has converted.

    Raises:
        InputError: no such data, or archives, whose images nobody has counted.
    """
    command = commands['convert']
    out = Path(command.one('--out'))
    if all((out / f'{split}.json').is_file() for split in coco.SPLITS):
        return converted(out)
    if 'toy' in commands:
        _draw(commands['toy'])
    return listed(command)


def converted(folder: Path) -> Data:
    """From a convert folder."""
    splits = coco.read_splits(folder)
    sizes = np.array([(row['width'], row['height']) for truth in splits.values() for row in truth.images.values()])
    width, height = sizes.mean(0).round().astype(int).tolist()
    boxed = {split: sum(1 for rows in truth.annotations.values() if rows) for split, truth in splits.items()}
    return Data(len(splits['train'].categories), {split: len(truth.images) for split, truth in splits.items()}, boxed,
                width, height, True)


def _draw(command: Command) -> None:
    """A drawn dataset is drawn: that takes seconds, and make finds it."""
    from data_converters import toy

    with contextlib.redirect_stdout(io.StringIO()):
        toy.main(list(command.words))


def listed(command: Command) -> Data:
    """From the lists in RAW, and a look at some of its images."""
    from data_converters import planning, registry

    raw = Path(command.one('--raw'))
    reader = registry.chosen(command.one('--dataset'), raw, command.one('--layout') or None)
    root, archives = reader.locate(raw, False)
    if archives:
        raise InputError(raw, expected='unpacked images, to count them', found=', '.join(sorted(archives)),
                         remedy='make convert unpacks and counts them; then make plan')
    options = planning.Options(command.one('--dataset'), reader.layout, command.one('--super') or None, False, True,
                               0.1, 0, command.one('--box-frame') or None)
    with contextlib.redirect_stdout(io.StringIO()):
        plan = planning.planned(reader, root.absolute(), options, command.has('--subset'))
    counts = {split: int(np.count_nonzero(plan.splits == split)) for split in coco.SPLITS}
    entries = list(plan.index.entries(plan.splits))
    chosen = entries[::max(1, len(entries) // _LOOKED_AT)]
    records = [reader.record(plan.root, entry) for entry in chosen]
    width, height = np.mean([record.size for record in records], axis=0).round().astype(int).tolist()
    share = sum(len(record.xyxy) > 0 for record in records) / len(records)
    return Data(len(plan.categories), counts, {split: round(share * number) for split, number in counts.items()},
                width, height, False)


