"""Check make's variables before a stage starts, and before set-up: plain Python 3.10 runs this.

    python3 -m tools.check_variables --given "DATSET RAW" --known "DATASET RAW ..." --dataset toy-dogs ...

Values come as arguments or, where a shell's quotes could break them, in the environment (FGIC_RAW for --raw).
"""
from __future__ import annotations

import argparse
import difflib
import os
import sys
from pathlib import Path

from pipelines.core import names
from pipelines.core.errors import InputError, command

_PROFILES = Path(__file__).resolve().parents[1] / 'mm_configs' / 'profiles'
_ASKED = ('given', 'known', 'dataset', 'profile', 'raw', 'weights', 'work', 'gpus', 'device')
_SHELL = set('\'"`$\\*?[]{}()<>|&;!#~\n\t')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.check_variables', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in _ASKED:
        parser.add_argument(f'--{name}', default=os.environ.get(f'FGIC_{name.upper()}', ''))
    args = parser.parse_args(argv)
    check_names(args.given.split(), args.known.split())
    check_words(WORK=args.work, DATASET=args.dataset)
    if names.fault(args.dataset) or '/' in args.dataset:
        raise InputError('DATASET', expected='a word that a folder can have as its name', found=args.dataset,
                         remedy='e.g. make classify DATASET=mushrooms RAW=/data/mushrooms')
    if args.profile not in (profiles := sorted(path.stem for path in _PROFILES.glob('*.mk'))):
        raise InputError('PROFILE', expected=' or '.join(profiles), found=args.profile,
                         remedy='leave PROFILE out, or choose one of these')
    if args.device not in ('', 'cpu'):
        raise InputError('DEVICE', expected='cpu, or nothing: then GPUs are used where torch can', found=args.device,
                         remedy='to choose among GPUs, set CUDA_VISIBLE_DEVICES')
    if args.profile == 'full' and args.gpus == '0' and not args.device:
        raise InputError('PROFILE', expected='a GPU that torch can use, for PROFILE=full', found='none',
                         remedy='make doctor says why; PROFILE=laptop is made for a CPU; or say that you mean it: '
                         'DEVICE=cpu')
    if not args.dataset.startswith('toy-') and not args.raw:
        raise InputError('RAW', expected=f'the folder of the raw {args.dataset} data', found='nothing',
                         remedy=f'e.g. make classify DATASET={args.dataset} RAW=/data/...')
    for name, value in (('RAW', args.raw), ('WEIGHTS', args.weights)):
        if value and not Path(value).is_dir():
            raise InputError(name, expected='a folder', found=value, remedy='correct the path')
    if args.raw and args.work:
        check_apart(Path(args.raw), Path(args.work) / args.dataset)


def check_names(given: list[str], known: list[str]) -> None:
    """Every variable that was set for make is one that it reads.

    Raises:
        InputError: one is not; names the nearest.
    """
    for name in given:
        if known and name not in known:
            near = difflib.get_close_matches(name.upper(), known, 1, 0.5)
            raise InputError(name, expected='a variable of make: ' + ', '.join(known), found='an unknown one',
                             remedy=f'did you mean {near[0]}? make help explains all' if near else 'make help')


def check_words(**values: str) -> None:
    """Values that make splits or a shell reads: without blanks and characters of a shell.

    Raises:
        InputError: one has such.
    """
    for name, value in values.items():
        if found := sorted({character for character in value if character in _SHELL or character.isspace()}):
            raise InputError(name, expected='a path without blanks, quotes and other characters of a shell',
                             found=f'{value!r}, with {" ".join(map(repr, found))}',
                             remedy='choose another, or make a link to it: ln -s "..." /data/work')


def check_apart(raw: Path, results: Path) -> None:
    """Raw data and results do not lie in each other.

    Raises:
        InputError: they do: cleaning up would be dangerous, and results would become raw data.
    """
    first, second = raw.resolve(), results.resolve()
    if first == second or first in second.parents or second in first.parents:
        how = 'the same folder' if first == second else f'{"above" if first in second.parents else "below"} it'
        raise InputError(f'RAW={raw}', expected=f'a folder apart from the results in WORK/DATASET, {results}',
                         found=how, remedy='set WORK to a folder of its own: make WORK=...')


if __name__ == '__main__':
    sys.exit(main())
