"""Measure the data path: crop, convert, COCO evaluation, hashing, up-to-date checks, growth.

    make bench-data                                     20 to 30 minutes
    python -m tools.bench.data --quick                  about a minute, small numbers: to see that everything runs
    python -m tools.bench.data --only crop,hash         some sections
    python -m tools.bench.data --images FOLDER          with real JPEGs

Every figure is of fresh processes; where something is compared, the two run in turn in the same session and the ratio
of their medians is given, with the range over the rounds. One core means a process held on one CPU. The pictures are
drawn (tools/bench/drawing.py: 500 x 375, gradients, texture and noise) unless --images gives others. What the
alternatives are is in tools/bench/child.py. Run it on an idle machine: it says where the machine is not.

The last lines are a table in Markdown: what is measured, asked, found, and whether that holds.
"""
from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from pipelines.core.errors import command, some_of
from tools.bench import converting, cropping, evaluating, hashing, measure, scaling
from tools.bench.measure import Bench, Row

SECTIONS = {'crop': cropping.rows, 'convert': converting.rows, 'coco': evaluating.rows, 'hash': hashing.rows,
            'check': scaling.up_to_date, 'growth': scaling.growth}
MEMORY = Path('/dev/shm')  # files that no disk is waited for


def measure_all(bench: Bench, sections: list[str]) -> list[Row]:
    rows = []
    for name in sections:
        measure.warn_if_busy()
        print(f'[{name}]', flush=True)
        start = time.monotonic()
        found = SECTIONS[name](bench)
        print(*found, f'  ({time.monotonic() - start:.0f} s)', sep='\n', flush=True)  # a later section may fail
        rows += found
    return rows


def as_markdown(rows: list[Row]) -> str:
    return '\n'.join(['| what | asked | measured | verdict |', '|---|---|---|---|', *map(str, rows)])


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('tools.bench.data', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default=','.join(SECTIONS), metavar='NAMES', help='default: %(default)s')
    parser.add_argument('--rounds', type=int, help='of everything that is compared; default: 5, quick: 2')
    parser.add_argument('--quick', action='store_true', help='small numbers')
    parser.add_argument('--images', type=Path, metavar='FOLDER', help='JPEGs in place of drawn pictures')
    parser.add_argument('--rows-at-scale', type=int, metavar='N',
                        help='the most images that convert is run on; default: 1,000,000, quick: 4,000')
    parser.add_argument('--images-at-scale', type=int, metavar='N',
                        help='the most images that crop is run on; default: 100,000, quick: 4,000')
    parser.add_argument('--work', type=Path, metavar='FOLDER',
                        help='for scratch files; default: /dev/shm where it has 8 GB free, else the temporary folder; '
                             'a million crops need a disk, as /dev/shm has too few inodes; '
                             'without it, hash takes the temporary folder')
    args = parser.parse_args(argv)
    chosen = some_of('--only', args.only, SECTIONS)
    work = args.work or (MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 8e9 else None)
    with tempfile.TemporaryDirectory(prefix='bench-data-', dir=work) as folder:
        print(f'scratch files: {folder}', flush=True)
        bench = Bench(Path(folder), args.work, rounds=args.rounds or (2 if args.quick else 5), quick=args.quick,
                      images=args.images, images_at_scale=args.images_at_scale or (4_000 if args.quick else 100_000),
                      rows_at_scale=args.rows_at_scale or (4_000 if args.quick else 1_000_000))
        rows = measure_all(bench, chosen)
    print(f'\n{platform.machine()}, {len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}; '
          f'pictures: {args.images or "drawn"}{"; --quick: these are no results" if args.quick else ""}\n')
    print(as_markdown(rows))


if __name__ == '__main__':
    sys.exit(main())
