"""Check make's variables before the first stage starts, and before set-up: plain Python 3.10 runs this.

    python3 -m tools.check_variables --given "DATSET RAW" --known "DATASET RAW ..." --dataset toy-dogs ...

Values come as arguments or, where a shell's quotes could break them, in the environment (FGIC_RAW for --raw).
"""
from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Collection
from pathlib import Path

from pipelines.core import kinds, names, rows
from pipelines.core.errors import InputError, command

_PROFILES = Path(__file__).resolve().parents[1] / 'mm_configs' / 'profiles'
_ASKED = ('given', 'known', 'dataset', 'raw', 'layout', 'super', 'box_frame', 'subset', 'boxes_from', 'boxes',
          'profile', 'detect', 'synth', 'rows', 'seeds', 'test', 'crop_size', 'images_per_class', 'inception',
          'weights', 'work', 'gpus', 'jobs', 'device', 'scheduler', 'strict', 'max_bad', 'again', 'python', 'row',
          'folds', 'unlabelled', 'imagenet_ids', 'against', 'most', 'figures_only')
_SHELL = set('\'"`$\\*?[]{}()<>|&;!#~\n\t')
_WHOLE = ('raw', 'weights', 'boxes_from', 'inception', 'python', 'unlabelled', 'imagenet_ids',
          'against')  # reach commands in quotes
_LISTS = ('SEEDS', 'ROWS', 'SYNTH')
_PATHS = ('WORK', 'DATASET', 'ROWS', 'ROW', 'DETECT', 'SYNTH')
_NEEDED = ('work', 'seeds', 'rows', 'detect', 'synth', 'crop_size', 'gpus')  # make has values for them
_ONE_OF = dict(strict=('1',), figures_only=('1',), subset=('1',), again=('1', '0'), test=('yes', 'no'),
               box_frame=('shown', 'stored'))
_NUMBERS = dict(gpus=(int, 0, 4096), jobs=(int, 1, 4096), crop_size=(int, 8, 4096), images_per_class=(int, 1, 10 ** 7),
                folds=(int, 2, 100), most=(int, 2, 10 ** 7), max_bad=(float, 0, 1))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.check_variables', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in _ASKED:
        parser.add_argument(f'--{name.replace("_", "-")}', default=os.environ.get(f'FGIC_{name.upper()}', ''))
    parser.add_argument('--names', action='store_true', help='check the names alone: no raw data are read')
    args = parser.parse_args(argv)
    given = args.given.split()
    check_names(given, args.known.split())
    if args.names:
        return
    values = {name: value for name, value in vars(args).items() if name not in ('given', 'known', 'names')}
    check_words(**{name.upper(): value for name, value in values.items() if name not in _WHOLE})
    check_values(values, given)
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
    check_paths(args.raw, args.weights, args.boxes_from, args.inception, args.unlabelled, args.against,
                args.imagenet_ids)
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


def check_values(values: dict[str, str], given: Collection[str]) -> None:
    """What a stage would refuse, however late it comes.

    Args:
        values: by the name of the variable, in lower case; '': none.
        given: the variables that the user set.
    Raises:
        InputError: the first that is wrong.
    """
    for name, value in values.items():
        if not value.strip() and name in _NEEDED and name.upper() in given:
            raise InputError(name.upper(), expected='a value', found='nothing', remedy=f'leave {name.upper()} out, or '
                             'give it one: make help shows what it is without')
        if value and name in _ONE_OF and value not in _ONE_OF[name]:
            raise InputError(name.upper(), expected=' or '.join(_ONE_OF[name]) + ', or nothing', found=value,
                             remedy=f'choose one of these, or leave {name.upper()} out')
        if value and name in _NUMBERS:
            check_number(name.upper(), value, *_NUMBERS[name])
    seeds = values['seeds'].split()
    for seed in seeds:
        check_number('SEEDS', seed, int, 0, 2 ** 32 - 1)
    if len({*map(int, seeds)}) < len(seeds):
        raise InputError('SEEDS', expected='each once', found=values['seeds'], remedy='leave the repeated one out')
    if values['boxes']:
        kinds.parse_boxes(values['boxes'])
    for stage in ('detect', 'synth'):
        for recipe in values[stage].split():
            rows.recipe(recipe, stage)
    generators = [rows.recipe(recipe, 'synth').stem for recipe in values['synth'].split()]
    if twice := sorted({name for name in generators if generators.count(name) > 1}):
        raise InputError('SYNTH', expected='each once', found=' '.join(twice) + ' twice',
                         remedy='rename a config, or leave the repeated one out')
    if values['row']:
        rows.Row.parse(values['row'])
    names_of_rows = [rows.Row.parse(row).name for row in values['rows'].split()]
    if twice := sorted({name for name in names_of_rows if names_of_rows.count(name) > 1}):
        raise InputError('ROWS', expected='each once', found=' '.join(twice) + ' twice',
                         remedy='rename a config, or leave the repeated row out')


def check_number(name: str, value: str, kind: type, low: float, high: float) -> None:
    """A number, in a range.

    Raises:
        InputError: another value.
    """
    try:
        if not re.fullmatch(r'[0-9.eE+-]+', value) or not low <= kind(value) <= high:
            raise ValueError
    except ValueError:
        raise InputError(name, expected=f'{"a whole number" if kind is int else "a number"} from {low} to {high}',
                         found=value, remedy='choose one in that range') from None


def check_paths(raw: str, weights: str, boxes_from: str, inception: str, unlabelled: str = '', against: str = '',
                imagenet_ids: str = '') -> None:
    """What is to be read is there.

    Raises:
        InputError: it is not.
    """
    for name, value in (('RAW', raw), ('WEIGHTS', weights), ('UNLABELLED', unlabelled), ('AGAINST', against)):
        if value and not Path(value).is_dir():
            raise InputError(name, expected='a folder', found=value, remedy='correct the path')
    if boxes_from and not Path(boxes_from).exists():
        raise InputError('BOXES_FROM', expected='a file or folder of boxes, or WORK/DATASET of a run', found=boxes_from,
                         remedy='correct the path')
    if imagenet_ids and not Path(imagenet_ids).is_file():
        raise InputError('IMAGENET_IDS', expected='a file, with an image of ImageNet on every line', found=imagenet_ids,
                         remedy='correct the path')
    if inception and not Path(inception).is_file():
        raise InputError('INCEPTION', expected="a file with torchvision's inception_v3 weights", found=inception,
                         remedy='correct the path, or leave it out: then there is no FID')


def check_words(**values: str) -> None:
    """Values that make splits or a shell reads: without blanks and characters of a shell.

    Raises:
        InputError: one has such.
    """
    for name, value in values.items():
        blank = str.isspace if name not in _LISTS else '\n'.__eq__
        if found := sorted({character for character in value if character in _SHELL or blank(character)}):
            raise InputError(name, expected='a path without blanks, quotes and other characters of a shell'
                             if name in _PATHS else 'a value without quotes and other characters of a shell',
                             found=f'{value!r}, with {" ".join(map(repr, found))}',
                             remedy='choose another, or make a link to it: ln -s "..." /data/work'
                             if name in _PATHS else 'correct it: make help')


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
