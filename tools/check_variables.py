"""Check make's variables before a stage starts."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.core.errors import InputError, command

DATASETS = ('toy-dogs', 'toy-birds', 'dogs', 'cub')
PROFILES = ('laptop', 'full')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('dataset', 'profile', 'raw', 'weights'):
        parser.add_argument(f'--{name}', default='')
    args = parser.parse_args(argv)
    if args.dataset not in DATASETS:
        raise InputError('DATASET', expected='one of ' + ', '.join(DATASETS), found=args.dataset,
                         remedy='e.g. make classify DATASET=cub RAW=/data/CUB_200_2011')
    toy = args.dataset.startswith('toy-')
    if args.profile not in PROFILES or (toy and args.profile == 'full'):
        raise InputError('PROFILE', expected='laptop' if toy else 'laptop or full', found=args.profile,
                         remedy='leave PROFILE out, or choose one of these')
    if not toy and not args.raw:
        raise InputError('RAW', expected=f'the folder of the raw {args.dataset} data', found='nothing',
                         remedy=f'e.g. make classify DATASET={args.dataset} RAW=/data/...')
    for name, value in (('RAW', args.raw), ('WEIGHTS', args.weights)):
        if value and not Path(value).is_dir():
            raise InputError(name, expected='a folder', found=value, remedy='correct the path')


if __name__ == '__main__':
    sys.exit(main())
