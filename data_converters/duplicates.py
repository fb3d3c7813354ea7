"""Images with the same bytes, or that look the same: one photograph in two splits or under two labels."""
from __future__ import annotations

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters.records import Index, Row
from pipelines.core import fingerprint, json_files, near_duplicates
from pipelines.core.errors import InputError

NAME = 'duplicates.json'
_TAIL = 1 << 12
_REMEDY = 'keep one file of each, with the right label'


def _grouped(items: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i in items:
        groups[key(i)].append(i)
    return [group for group in groups.values() if len(group) > 1]


def exact(root: Path, files: Sequence[str]) -> list[list[int]]:
    """Positions of the files that have the same bytes, set by set.

    Sizes tell most apart, the last bytes nearly all others; the rest is read whole.
    """
    def path(i: int) -> str:
        return os.path.join(root, files[i])

    def tail(i: int) -> bytes:
        with open(path(i), 'rb') as stream:
            stream.seek(-min(_TAIL, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return hashlib.sha256(stream.read()).digest()

    sizes = _grouped(range(len(files)), lambda i: os.stat(path(i)).st_size)
    alike = [group for same in sizes for group in _grouped(same, tail)]
    digests = {i: digest for group in alike
               for i, digest in zip(group, fingerprint.sha256_of(path(i) for i in group))}
    return sorted(group for same in alike for group in _grouped(same, digests.__getitem__))


def as_groups(index: Index, sets: Sequence[Sequence[int]]) -> list[str] | None:
    """The groups of an index, joined where files have the same bytes, so that none is torn apart between splits.

    Returns:
        N names, '' for an image on its own; None where there is no group at all.
    """
    if not sets and not any(index.groups or ()):
        return None
    names = list(index.groups or [''] * len(index.files))
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    for same in sets:
        alone = f'\1{same[0]}'  # no name in a table has such a character
        for i in same:
            names[i] = names[i] or alone
            parent[top(names[i])] = top(names[same[0]])
    return [top(name) if name else '' for name in names]


def crossing(index: Index, splits: NDArray[np.str_], sets: Sequence[Sequence[int]], kind: str = 'bytes') -> list[Row]:
    """The sets that are in two splits or have two labels, as rows of ``duplicates.json``."""
    rows = []
    for same in sets:
        files = [dict(file=index.files[i], split=str(splits[i]), label=index.categories[index.labels[i]]['name'])
                 for i in same]
        labels, parts = ({row[key] for row in files} for key in ('label', 'split'))
        if len(labels) > 1 or len(parts) > 1:
            rows.append(dict(kind=kind, splits=len(parts) > 1, labels=len(labels) > 1, files=files))
    return rows


def near(index: Index, splits: NDArray[np.str_], hashes: Mapping[int, str], twice: Sequence[Row]) -> list[Row]:
    """The images that look the same and are in two splits or have two labels, as rows of ``duplicates.json``.

    Args:
        hashes: by image id, `near_duplicates.hashed`.
        twice: the rows of those with the same bytes, which are not told again.
    """
    places = np.searchsorted(index.ids, list(hashes))
    sets = [[int(places[i]) for i in same] for same in near_duplicates.sets(list(hashes.values()))]
    told = [{file['file'] for file in row['files']} for row in twice]
    return [row for row in crossing(index, splits, sets, 'near') if {file['file'] for file in row['files']} not in told]


def _first(rows: Sequence[Row]) -> str:
    files = ' = '.join(f'{row["file"]} ({row["split"]}, {row["label"]})' for row in rows[0]['files'][:3])
    return f'{len(rows):,}, the first: {files}'


def write(folder: Path, rows: Sequence[Row], *, refuse: bool) -> None:
    """Write the list.

    Args:
        refuse: images with the same bytes are an error: of one's own data, not of a published split.
    Raises:
        InputError: there are some, to be refused; the list stays at the place that the error names.
    """
    json_files.write(folder / NAME, list(rows))
    same = [row for row in rows if row['kind'] == 'bytes']
    for what, found in (('one label for an image', [row for row in same if row['labels']]),
                        ('no image in two splits', [row for row in same if row['splits']])):
        if refuse and found:
            raise InputError(folder / NAME, expected=what, remedy=_REMEDY,
                             found=f'the same bytes twice ({_first(found)})')


def settle(folder: Path, *, strict: bool) -> None:
    """Say what a finished folder lists.

    Raises:
        InputError: ``strict``, and there is some.
    """
    rows = json_files.read(folder / NAME)
    if not rows:
        return
    looks = sum(row['kind'] == 'near' for row in rows)
    print(f'[convert] duplicates in two splits or under two labels: {_first(rows)}; all in {folder / NAME}'
          + (f' ({looks:,} are not the same bytes, but look the same)' if looks else ''), file=sys.stderr, flush=True)
    if strict:
        raise InputError(folder / NAME, expected='no duplicate in two splits or under two labels (--strict)',
                         found=f'{len(rows):,}', remedy=_REMEDY)
