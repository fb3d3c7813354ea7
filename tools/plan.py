"""Say what a run will take, before anything is trained: iterations, images, memory, disk and hours on this machine.

    make plan DATASET=dogs PROFILE=full GPUS=8
    make -n report DATASET=dogs ... | python -m tools.plan --work work_dirs

It reads from standard input the commands that make would run, counts the images of the dataset, and measures some
iterations of each recipe here, on drawn pictures of the same size: training, inference, sampling. Measurements are kept
in WORK/measured.json, so that a second plan is quick; what finished trainings really took is used in place of them
(docs/planning.md). What is up to date costs nothing, and is marked so.

Afterwards: what will not fit, and what can be left out and would save how much.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core import machine
from pipelines.core.errors import InputError, command
from pipelines.core.kinds import Kind
from pipelines.openmm.engine import config_files
from tools.planning import commands as asked_for
from tools.planning import data, estimate, fits, measured, state, taken, words
from tools.planning.estimate import Known
from tools.planning.measured import Kept, Need, Pictures
from tools.planning.work import Work


def pictures(work: Work) -> Pictures:
    """What stands for the dataset's images while recipes are measured."""
    crop = work.commands.get('crop')
    kinds = {Kind.parse(kind).shape for kind in crop.all('--kinds')} if crop else set()
    return Pictures(work.data.width, work.data.height, int(crop.one('--size', '256')) if crop else 256,
                    max(8, work.data.classes), tuple(sorted({'full', 'box', 'square', *kinds})), _resolution(work))


def _resolution(work: Work) -> int:
    """Of synthetic images, for their size on the disk."""
    try:
        texts = [file.read_text() for file in config_files.files(asked_for.config(work.commands['synth']))]
    except (KeyError, InputError):
        return 64
    found = [int(match[1]) for text in texts for match in words.RESOLUTION.finditer(text)]
    return found[-1] if found else 256


def gather(work: Work, root: Path, *, budget: float) -> tuple[dict[str, Any], dict[Need, Known], bool]:
    """Measure what is not known yet; the last value says whether others used the CPUs at any time of it.

    Args:
        root: WORK.
        budget: seconds for each figure.
    """
    kept = Kept(root / measured.NAME)
    rates, found = measured.measure(work.needs(), pictures(work), kept, budget=budget)
    real = taken.rates(root, found)
    return (rates, {need: Known.of(record, real.get(need)) for need, record in found.items()},
            any(record['busy'] for record in (rates, *found.values())))


def savings(work: Work, rates: Mapping[str, Any], known: Mapping[Need, Known], whole: float) -> list[tuple[str, float]]:
    """What can be left out, and the seconds that saves; most first."""
    if 'classify' not in work.commands:
        return []
    found, seeds = [], asked_for.seeds(work.commands['classify'])
    options = [(f'the row {row.name}', work.without(row=row)) for row in work.rows[1:]]
    if len(seeds) > 1:
        options.append((f'a seed: SEEDS="{" ".join(map(str, seeds[:-1]))}"', work.without(seed=seeds[-1])))
    if sum(bool(row.images.generator) for row in work.rows) > 1:
        options.append(('the generator, and the rows that use it', work.without(generator=True)))
    for name, less in options:
        saved = whole - estimate.total(estimate.plan(less, rates, _same(less, work, known)))
        if saved > 0:
            found.append((name + (', and the generator' if 'synth' in work.commands and 'synth' not in less.commands
                                  and 'generator' not in name else ''), saved))
    return sorted(found, key=lambda row: -row[1])


def _same(less: Work, work: Work, known: Mapping[Need, Known]) -> dict[Need, Known]:
    """The recipes of a smaller run: it may have fewer side by side, which is taken to be as fast."""
    by_recipe = {(need.stage, need.config, need.kind): found for need, found in known.items()}
    return {need: by_recipe[need.stage, need.config, need.kind] for need in less.needs()}


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('tools.plan', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK of make')
    parser.add_argument('--seconds', type=float, default=5, help='to measure each figure for; default: 5')
    parser.add_argument('--json', action='store_true', help='the numbers, for a program')
    args = parser.parse_args(argv)
    commands = asked_for.parse(sys.stdin.read())
    counted = data.read(commands)
    done, remarks = state.up_to_date(commands)
    work = Work(commands, counted, done, measured.gpus())
    rates, known, busy = gather(work, args.work, budget=args.seconds)
    lines = estimate.plan(work, rates, known)
    whole = estimate.total(lines)
    problems = remarks + fits.findings(lines, fits.Room.here(args.work))
    saved = savings(work, rates, known, whole)
    if args.json:
        print(json.dumps(dict(seconds=whole, lines=[words.facts(line) for line in lines], problems=problems,
                              savings=saved), indent=1))
        return
    print(words.report(work, lines, problems, saved, busy=busy, cpus=machine.cpus()))


if __name__ == '__main__':
    sys.exit(main())
