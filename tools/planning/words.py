"""The plan as a table in the terminal."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tools.planning.estimate import Line
from tools.planning.work import Work
from tools.time_spent import duration

RESOLUTION = re.compile(r'output_scale\s*=\s*(\d+)')
_HEAD = ('', 'trainings', 'iterations', 'images', 'time', 'memory', 'disk', 'by')


def size(megabytes: float) -> str:
    """``412 MB``, ``3.1 GB``."""
    return '' if megabytes < 0.5 else f'{megabytes:,.0f} MB' if megabytes < 1000 else f'{megabytes / 1000:,.1f} GB'


def _cells(line: Line) -> tuple[str, ...]:
    name = f'{line.stage} {line.name}'.strip()
    if line.done:
        return (name, *[''] * 3, 'up to date', '', '', '')
    by = '' if not line.known else 'trainings before' if line.known.rates.taken else \
        'measured, scaled' if line.known.scaled else 'measured'
    return (name, str(line.trainings or ''), f'{line.iterations:,}' if line.iterations else '',
            f'{line.images:,}' if line.images else '', duration(line.seconds), size(line.memory_mb), size(line.disk_mb),
            by)


def table(lines: Sequence[Line]) -> list[str]:
    """Aligned; a last row with the sums."""
    whole = ('all', str(sum(line.trainings for line in lines) or ''),
             f'{sum(line.iterations for line in lines):,}', f'{sum(line.images for line in lines):,}',
             duration(sum(line.seconds for line in lines)), size(max(line.memory_mb for line in lines)),
             size(sum(line.disk_mb for line in lines)), '')
    rows = [_HEAD, *map(_cells, lines), whole]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ['  '.join(cell.ljust(width) if column in (0, len(_HEAD) - 1) else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def report(work: Work, lines: Sequence[Line], problems: Sequence[str], saved: Sequence[tuple[str, float]], *,
           busy: bool, cpus: int) -> str:
    """All that make plan says."""
    images, command = work.data.images, work.commands['convert']
    text = [f'{command.one("--dataset")}: {work.data.classes} classes; {images["train"]:,} train, '
            f'{images["val"]:,} val, {images["test"]:,} test images of about {work.data.width} x {work.data.height} px'
            + ('' if work.data.converted else ', by the lists (convert has not run)'), '', *table(lines), '']
    device = next((line.known.device_mb for line in lines if line.known), None)
    text.append(f'Times are on the clock, on this machine ({cpus} CPUs, {work.gpus} GPUs), with nothing beside it'
                + (f'; trainings of classifiers {min(work.jobs, work.runs)} at a time' if 'classify' in work.commands
                   else '') + '. ' + ('Memory is of each card.' if device else 'Memory is RAM.')
                + ' The report itself is not counted.')
    asked = max((work.processes(stage) for stage in ('detect', 'synth') if stage in work.commands), default=1)
    if asked > max(1, work.gpus):
        text.append(f'For {asked} GPUs, of which {work.gpus} are here: each process is taken to be as fast as here.')
    if busy:
        text.append('The CPUs were busy while it was measured: times are those of CPUs that are free.')
    text += [f'PROBLEM: {words}' for words in problems]
    if saved:
        width = max(len(name) for name, _ in saved)
        text += ['', 'Left out, it would save:', *(f'  {name:{width}}  {duration(value)}' for name, value in saved)]
    return '\n'.join(text)


def facts(line: Line) -> dict[str, Any]:
    """A line for a program."""
    found = {name: value for name, value in vars(line).items() if name != 'known'}
    return dict(found, taken=bool(line.known and line.known.rates.taken))
