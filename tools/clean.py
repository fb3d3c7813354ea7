"""Remove the results of a dataset: folders that a stage of ours wrote, and nothing else.

    make clean DATASET=dogs
    python3 -m tools.clean --work work_dirs --dataset dogs [--dry-run]

What is removed has a manifest.json of a stage (or the note of tools/train.py), and is not a link. A file that was put
among results keeps its folder, and is named. It needs neither the raw data nor set-up: plain Python runs it.
"""
from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import InputError, command

_MANIFEST, _NOTE, _LOGS = 'manifest.json', 'made-from.txt', 'logs'
_TRAINED = {_NOTE, _LOGS, 'model.pth', 'config.py', 'metrics.jsonl'}
# What lies hidden beside a result: core/manifest.py, core/seconds.py.
_SIDES = ('lock', 'staging', 'old', 'stat.json', 'key', 'seconds.json', 'staging.json')
_DEPTH = 4  # WORK/DATASET/models/classify/ROW


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.clean', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK of make')
    parser.add_argument('--dataset', required=True, help='DATASET of make')
    parser.add_argument('--dry-run', action='store_true', help='only say what would be removed')
    args = parser.parse_args(argv)
    if '/' in args.dataset or args.dataset in ('', '.', '..'):
        raise InputError('DATASET', expected='the name of a dataset', found=args.dataset or 'nothing',
                         remedy='make clean DATASET=dogs')
    clean(args.work / args.dataset, dry_run=args.dry_run)


def clean(root: Path, *, dry_run: bool = False) -> list[Path]:
    """Remove the results in a folder, unfinished ones too, and the folders that are empty then.

    Returns:
        what was removed.
    """
    removed = []
    for folder in dict.fromkeys([*results(root), *unfinished(root)]):
        if strange := foreign(folder):
            print(f'kept {folder}: {strange[0]} in it is not of its stage'
                  + (f', nor are {len(strange) - 1} more' if len(strange) > 1 else ''))
            continue
        sides = {kind: folder.with_name(f'.{folder.name}.{kind}') for kind in _SIDES}
        if _is_held(sides['lock']):
            print(f'kept {folder}: a stage is writing it now')
            continue
        removed.append(folder)
        print(f'{"would remove" if dry_run else "removed"} {folder}', flush=True)
        if not dry_run:
            for path in (folder, *sides.values()):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            _remove_empty(folder.parent, root)
    if not removed:
        print(f'{root}: no result to remove')
    left = [] if dry_run or not root.is_dir() else sorted(entry.name for entry in root.iterdir())
    if left:
        print(f'left in {root}: {", ".join(left[:8])}' + (f' and {len(left) - 8} more' if len(left) > 8 else ''))
    return removed


def _is_held(lock: Path) -> bool:
    """Whether a running stage has the lock of its result."""
    if not lock.is_file():
        return False
    with lock.open('r+') as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _remove_empty(folder: Path, root: Path) -> None:
    while folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
        if folder == root:
            return
        folder = folder.parent


def unfinished(root: Path) -> Iterator[Path]:
    """Where a result was to be that an interrupted stage left the beginning of, hidden beside it."""
    for depth in range(1, _DEPTH):
        for key in root.glob('*/' * (depth - 1) + '.*.key'):
            place = key.with_name(key.name[1:-len('.key')])
            if place.with_name(f'.{place.name}.staging').is_dir() and not place.exists():
                yield place


def results(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The folders below one that a stage of ours wrote; links are not followed."""
    if folder.is_symlink() or not folder.is_dir():
        return
    if depth and (_manifest(folder) is not None or (folder / _NOTE).is_file()):
        yield folder
    elif depth < _DEPTH:
        for entry in sorted(folder.iterdir()):
            if not entry.name.startswith('.'):
                yield from results(entry, depth + 1)


def _manifest(folder: Path) -> dict | None:
    """The manifest of a result; None where there is none, or one of another program."""
    try:
        content = json.loads((folder / _MANIFEST).read_text(encoding='utf-8'))
        return content if {'stage', 'parameters', 'inputs', 'outputs'} <= content.keys() and \
            'fgic' in content['versions'] else None
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return None


def foreign(folder: Path) -> list[str]:
    """What lies in a result and was not written by its stage; hidden files and links are nobody's data."""
    if not folder.is_dir():
        return []
    content = _manifest(folder)
    own = _TRAINED if content is None else {_MANIFEST, _LOGS, *(row['path'] for row in content['outputs'])}
    return sorted(entry.name for entry in os.scandir(folder)
                  if entry.name not in own and not entry.name.startswith('.') and not entry.is_symlink())


if __name__ == '__main__':
    sys.exit(main())
