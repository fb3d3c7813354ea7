"""What was left out of a result because it is damaged: ``quarantine.json``, and when that is too much.

    {"images": 20580, "quarantined": [{"file": ..., "split": ..., "reason": ...}, ...]}
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.core import json_files
from pipelines.core.arguments import a_share
from pipelines.core.errors import DamagedError, InputError, TooManyDamagedError

NAME = 'quarantine.json'
_REMEDY = 'replace the files, or take the images out of the dataset'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--strict', action='store_true', help='stop at the first damaged image')
    parser.add_argument('--max-bad', type=a_share, default=0.01, metavar='SHARE',
                        help='damaged images are left out and listed in quarantine.json; exit status 3 where their '
                             'share is larger; default: %(default)s')


def row(file: str, split: str, error: DamagedError, root: Path) -> dict[str, Any]:
    """A row of the list; without the path of ``root``, so that it has the same bytes wherever the data lie."""
    reason = f'expected {error.parts["expected"]}, found {error.parts["found"]}'
    return dict(file=file, split=split, reason=' '.join(reason.replace(f'{root}/', '').split()))


def write(folder: Path, images: int, rows: Iterable[dict[str, Any]]) -> None:
    json_files.write(folder / NAME, dict(images=images, quarantined=list(rows)))


def settle(folder: Path, stage: str, *, max_bad: float, strict: bool) -> None:
    """Say how many images are quarantined.

    Args:
        folder: of a finished stage.
        max_bad: the share that is allowed.
        strict: none is.
    Raises:
        InputError: ``strict``, and there is one.
        TooManyDamagedError: more than ``max_bad``.
    """
    content = json_files.read(folder / NAME)
    rows, path = content['quarantined'], folder / NAME
    if not rows:
        return
    print(f'[{stage}] quarantined: {len(rows):,} of {content["images"]:,} images, listed in {path}; the first is '
          f'{rows[0]["file"]}: {rows[0]["reason"]}', file=sys.stderr, flush=True)
    if strict:
        raise InputError(path, expected='no damaged image (--strict)', found=f'{len(rows):,}', remedy=_REMEDY)
    if len(rows) > max_bad * content['images']:
        raise TooManyDamagedError(path, expected=f'at most {100 * max_bad:g} % of the images damaged',
                                  found=f'{len(rows):,} of {content["images"]:,}',
                                  remedy=f'{_REMEDY}; or allow more (MAX_BAD, --max-bad)')
