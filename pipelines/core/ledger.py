"""Every reading of a test split, kept for good: ``WORK/DATASET/test_reads.json``.

Whoever tries twenty rows on one test split and shows the best has read it twenty times, whatever the last table holds.
So each row, seed and model that was read on it is entered here, with the comparisons that were made, and p values are
corrected for all of them (Holm's family). Nothing is ever taken out: the file lies beside the stages' folders and
outlives them.

    {"reads": [{"row", "seed", "digest", "test", "when"}, ...],
     "comparisons": [{"row", "reference", "test", "when"}, ...]}

``digest`` is the model's, ``test`` tells one test split from another, ``when`` is a date (UTC).
"""
from __future__ import annotations

import datetime
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.core import json_files, lineage
from pipelines.core.errors import InputError

NAME = 'test_reads.json'
_KEYS = {'reads': ('row', 'seed', 'digest', 'test'), 'comparisons': ('row', 'reference', 'test')}


@dataclass(frozen=True)
class Read:
    """A model was read on a test split.

    Args:
        row: of the table.
        seed: of its training.
        digest: of the model, that of ``model.pth``.
        test: `split_digest`.
    """
    row: str
    seed: int
    digest: str
    test: str


@dataclass(frozen=True)
class Count:
    """How much a test split was used.

    Args:
        reads: by models.
        rows: by rows; one that was trained anew, otherwise, counts again.
        comparisons: between rows: the size of Holm's family. One whose row or reference was trained anew counts again.
            At least one less than ``rows``: whoever reads them one by one has compared them.
    """
    reads: int
    rows: int
    comparisons: int


def split_digest(names: Sequence[str], classes: Sequence[str]) -> str:
    """Of a test split: which images, of which classes, in any order; 64 hex digits."""
    rows = sorted(zip(names, classes))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def load(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What was entered; nothing where there is no file.

    Raises:
        InputError: it was damaged.
    """
    try:
        content: dict[str, list[dict[str, Any]]] = json_files.read(path)
        for name, keys in _KEYS.items():
            for row in content[name]:
                [row[key] for key in keys]
    except FileNotFoundError:
        return {name: [] for name in _KEYS}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, expected='the ledger of readings of the test split', found=f'{error!r:.80}',
                         remedy='bring it back from a copy: without it p values are not corrected for what was '
                         'compared before') from None
    return content


def enter(path: Path, reads: Iterable[Read], comparisons: Iterable[tuple[str, str]] = (), *, test: str = '',
          today: datetime.date | None = None) -> None:
    """Append what is not entered yet; one process at a time.

    Args:
        path: of the ledger.
        reads: what models predicted.
        comparisons: (row, reference) that a table shows, of the split ``test``.
        today: for ``when``; the current date in UTC if None.
    Raises:
        InputError: the ledger was damaged.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    when = (today or datetime.datetime.now(datetime.timezone.utc).date()).isoformat()
    new = dict(reads=[asdict(read) for read in reads],
               comparisons=[dict(row=row, reference=reference, test=test) for row, reference in comparisons])
    with FileLock(path.with_name(f'.{path.name}.lock')):
        content = load(path)
        added = 0
        for name, keys in _KEYS.items():
            known = {tuple(row[key] for key in keys) for row in content[name]}
            for row in new[name]:
                if (key := tuple(row[key] for key in keys)) not in known:
                    known.add(key)
                    content[name].append(dict(row, when=when))
                    added += 1
        if added:
            json_files.write(path, content)


def split_of(test_list: Path) -> str:
    """The digest of the split whose images a list of crops has.

    By the images' files and the names of their classes: neither the kind of crop makes a difference, nor an image more
    in train, after which others have other ids.
    """
    classes, rows = lineage.read_list(test_list)
    return split_digest([str(PurePosixPath(*PurePosixPath(row['img_path']).parts[1:]).with_suffix('')) for row in rows],
                        [classes[row['gt_label']] for row in rows])


def count(path: Path, test: str) -> Count:
    """How much a test split was used so far.

    Args:
        path: of the ledger.
        test: `split_digest`.
    Raises:
        InputError: the ledger was damaged.
    """
    content = load(path)
    models: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for read in content['reads']:
        if read['test'] == test:
            models[read['row']][read['seed']] += 1
    trained = {row: max(by_seed.values()) for row, by_seed in models.items()}
    pairs = {frozenset((one['row'], one['reference'])) for one in content['comparisons'] if one['test'] == test}
    return Count(reads=sum(sum(by_seed.values()) for by_seed in models.values()), rows=sum(trained.values()),
                 comparisons=max(sum(max(trained.get(row, 1) for row in pair) for pair in pairs),
                                 sum(trained.values()) - 1, 0))
