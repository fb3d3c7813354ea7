"""Where the time of finished runs went, by stage and part.

    make profile DATASET=dogs
    python -m tools.time_spent --work work_dirs/dogs [--json]

It adds up what each result recorded of itself (docs/planning.md); a result that was up to date took
no time again, so this is what making everything took, over all attempts. Parts of a training:

    step         the network and its optimiser
    loading      the wait for batches: decoding, cropping, flips
    validation   val, after an epoch, with its metric
    hooks        logging, checkpoints, grids of samples
    start        building the network, reading weights and lists
    other        what is none of these: writing model.pth, manifests, ...

Trainings that ran side by side are added up; on a GPU, a part is where the process waited for the card.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core import records, seconds
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import STAGES
from tools import clean

FACTS = ('counts', 'threads', 'jobs')  # of a record, besides seconds
UNITS = dict(step='iterations', loading='iterations', hooks='iterations', validation='val images',
             sampling='images', prediction='images')


@dataclass
class Spent:
    """The time of results that are shown together.

    Args:
        name: ``detect: train``, or a row of the table.
        results: how many.
        parts: seconds by part; ``other`` is the rest of their total.
        counts: iterations, val images, ...
        jobs: trainings side by side.
    """
    name: str
    results: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    jobs: int = 1

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def group_of(stage: str) -> str:
    """Seeds of a row go together: ``classify: resnet50@full-seed1`` -> ``classify: resnet50@full``."""
    name, tested = (stage.removesuffix(' on test'), ' on test') if stage.endswith(' on test') else (stage, '')
    row, seed, number = name.rpartition('-seed')
    return (row if seed and number.isdigit() else name) + tested


def spent(root: Path) -> tuple[list[Spent], list[Path]]:
    """By group, in the order of the stages; and the results that recorded nothing.

    Args:
        root: WORK/DATASET.
    """
    found: dict[str, Spent] = {}
    silent = []
    for folder in clean.results(root):
        stage, content = records.found(folder).get('stage', folder.name), seconds.read(folder)
        if seconds.TOTAL not in content:
            silent.append(folder)
            continue
        group = found.setdefault(group_of(stage), Spent(group_of(stage)))
        parts = {name: value for name, value in content.items() if name not in (seconds.TOTAL, *FACTS)}
        group.results += 1
        group.parts.update(parts)
        group.parts['other'] += max(0.0, content[seconds.TOTAL] - sum(parts.values()))
        group.counts.update(content.get('counts', {}))
        group.jobs = max(group.jobs, content.get('jobs', 1))
    order = ['toy', *STAGES]
    return sorted(found.values(), key=lambda each: order.index(each.name.split(':')[0])
                  if each.name.split(':')[0] in order else len(order)), silent


def duration(value: float) -> str:
    """``0.4 s``, ``2 min 05 s``, ``3 h 07 min``."""
    if value < 10:
        return f'{value:.1f} s'
    if value < 3600:
        minutes, rest = divmod(round(value), 60)
        return f'{minutes} min {rest:02} s' if minutes else f'{rest} s'
    hours, minutes = divmod(round(value / 60), 60)
    return f'{hours:,} h {minutes:02} min'


def text(groups: list[Spent], root: Path) -> str:
    """The table, for a terminal."""
    whole = sum(group.total for group in groups) or 1
    width = max(len(group.name) for group in groups) + 6
    lines = [f'{root}: {duration(whole)} in all', '', f'{"":{width}}{"time":>14}  share', '']
    for group in groups:
        several = f' x{group.results}' if group.results > 1 else ''
        lines.append(f'{group.name + several:{width}}{duration(group.total):>14}  {group.total / whole:4.0%}  '
                     + '#' * round(40 * group.total / whole))
        if len(group.parts) > 1:
            for name, value in group.parts.most_common():
                rate = _rate(name, value, group.counts)
                lines.append(f'{"    " + name:{width}}{duration(value):>14}  {value / whole:4.0%}{rate}')
    jobs = max(group.jobs for group in groups)
    by_part: Counter[str] = Counter()
    for group in groups:
        by_part.update({f'{group.name.split(":")[0]}, {name}': value for name, value in group.parts.items()})
    lines += ['', 'The largest shares: ' + '; '.join(
        f'{name} {value / whole:.0%}' for name, value in by_part.most_common(3)) + '.']
    if jobs > 1:
        lines.append(f'Up to {jobs} trainings ran side by side: their times are added up here.')
    return '\n'.join(lines)


def _rate(part: str, value: float, counts: Counter[str]) -> str:
    """What one iteration, or one image, took."""
    unit = UNITS.get(part, '')
    return f'  {value / counts[unit] * 1000:,.1f} ms for each of {counts[unit]:,} {unit}' if counts.get(unit) else ''


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('tools.time_spent', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK/DATASET')
    parser.add_argument('--json', action='store_true', help='the numbers, for a program')
    args = parser.parse_args(argv)
    groups, silent = spent(args.work)
    if not groups:
        raise InputError(args.work, expected='results that recorded their time', found='none', remedy='run make report '
                         'first; results of earlier versions recorded none (make report AGAIN=1 makes them anew)')
    if args.json:
        print(json.dumps([vars(group) for group in groups], indent=1))
        return
    print(text(groups, args.work))
    if silent:
        print(f'{len(silent)} results recorded no time, as they were made by earlier versions: {silent[0]}'
              + ', ...' * (len(silent) > 1))


if __name__ == '__main__':
    sys.exit(main())
