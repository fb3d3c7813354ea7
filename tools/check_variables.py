"""Check make's variables before a stage starts."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.core import names
from pipelines.core.errors import InputError, command
from pipelines.core.rows import CONFIGS

PROFILES = sorted(path.stem for path in (CONFIGS / 'profiles').glob('*.mk'))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('dataset', 'profile', 'raw', 'weights'):
        parser.add_argument(f'--{name}', default='')
    args = parser.parse_args(argv)
    if names.fault(args.dataset) or '/' in args.dataset:
        raise InputError('DATASET', expected='a word that a folder can have as its name', found=args.dataset,
                         remedy='e.g. make classify DATASET=mushrooms RAW=/data/mushrooms')
    if args.profile not in PROFILES:
        raise InputError('PROFILE', expected=' or '.join(PROFILES), found=args.profile,
                         remedy='leave PROFILE out, or choose one of these')
    toy = args.dataset.startswith('toy-')
    if not toy and not args.raw:
        raise InputError('RAW', expected=f'the folder of the raw {args.dataset} data', found='nothing',
                         remedy=f'e.g. make classify DATASET={args.dataset} RAW=/data/...')
    for name, value in (('RAW', args.raw), ('WEIGHTS', args.weights)):
        if value and not Path(value).is_dir():
            raise InputError(name, expected='a folder', found=value, remedy='correct the path')


if __name__ == '__main__':
    sys.exit(main())
