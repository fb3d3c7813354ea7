"""The arithmetic: from counts, schedules and seconds per unit to what every stage takes."""
from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core import machine, sample_figures
from pipelines.core.kinds import Kind
from tools.planning import commands as asked_for
from tools.planning import measured
from tools.planning.commands import Command
from tools.planning.measured import Need, Rates
from tools.planning.schedule import Schedule
from tools.planning.work import Work

JUDGE_BATCH, JUDGE_EPOCHS, JUDGE_LEAST = 32, 10, 300  # of the classifiers that judge synthetic images


@dataclass(frozen=True)
class Known:
    """What is known of a recipe on this machine.

    Args:
        schedule: its own.
        rates: seconds of its units.
        peak_mb, checkpoint_mb, weights_mb, batch_mb: of its training.
        device_mb: memory of the card; None: it computes on the CPU.
        scaled: its batch was not measured whole.
        oom: it did not fit the card.
    """
    schedule: Schedule
    rates: Rates
    peak_mb: float = 0.
    checkpoint_mb: float = 0.
    weights_mb: float = 0.
    batch_mb: float = 0.
    device_mb: float | None = None
    scaled: bool = False
    oom: bool = False

    @classmethod
    def of(cls, record: Mapping[str, Any], taken: Rates | None = None) -> Known:
        return cls(measured.schedule(record), taken or measured.rates(record), **{
            name: record[name] for name in ('peak_mb', 'checkpoint_mb', 'weights_mb', 'batch_mb', 'device_mb',
                                            'scaled', 'oom')})


@dataclass(frozen=True)
class Line:
    """A row of the plan.

    Args:
        stage, name: of it; one stage can have several.
        seconds: on the wall.
        trainings: how many are to be done, side by side or in turn.
        iterations, images: of all of them, in training.
        disk_mb: that it adds.
        memory_mb: that it holds at once, in RAM or on each card.
        shared_mb: in /dev/shm.
        done: it is up to date.
        known: of its recipe.
        parts: seconds of one training, by what they go to.
    """
    stage: str
    name: str = ''
    seconds: float = 0.
    trainings: int = 0
    iterations: int = 0
    images: int = 0
    disk_mb: float = 0.
    memory_mb: float = 0.
    shared_mb: float = 0.
    done: bool = False
    known: Known | None = None
    parts: dict[str, float] = field(default_factory=dict)


def training(known: Known, images: int, val_images: int, processes: int = 1) -> dict[str, float]:
    """Seconds of one training, by part."""
    schedule, rates = known.schedule, known.rates
    return {'iterations': schedule.total(images, processes) * rates.train,
            'validation': schedule.validations() * val_images * rates.infer / processes,
            'checkpoints': schedule.saves(images, processes) * rates.save, 'start': rates.start}


def side_by_side(seconds: Sequence[float], jobs: int) -> float:
    """Until the last of these is done, begun in this order, so many at a time."""
    ends = [0.] * max(1, min(jobs, len(seconds)))
    for each in seconds:
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def plan(work: Work, data_rates: Mapping[str, Any], known: Mapping[Need, Known]) -> list[Line]:
    """The lines, stage by stage.

    Args:
        data_rates: `child.data`'s, with the seconds settled.
        known: of every one of `Work.needs`.
    """
    lines = [Line('convert', seconds=work.data.total * measured.seconds(data_rates['convert'], data_rates)
                  / machine.cpus(), done='convert' in work.done)]
    if 'detect' in work.commands:
        lines += _detect(work, known)
    if 'crop' in work.commands and work.crops:
        cut = [kind for kind in work.commands['crop'].all('--kinds') if kind != 'full']
        sizes = data_rates['crop_bytes']
        lines.append(Line(
            'crop', seconds=work.data.total * measured.seconds(data_rates['crop'], data_rates) / machine.cpus(),
            disk_mb=sum(sizes[Kind.parse(kind).shape] for kind in cut) * work.data.total / 1e6,
            images=work.data.total * len(cut), done='crop' in work.done))
    for name, command in work.generators.items() if work.crops else ():
        lines += _synth(work, name, command, data_rates, known)
    if 'classify' in work.commands:
        lines += _classify(work, known)
    return [Line(line.stage, line.name, done=True) if line.done else line for line in lines]


def _trained(work: Work, stage: str, known: Known, images: int, processes: int, done: bool) -> Line:
    """The line of a detector's or a generator's training."""
    parts = training(known, images, work.data.images['val'], processes)
    iterations = known.schedule.total(images, processes)
    return Line(stage, 'train', sum(parts.values()) + known.rates.imports, 1, iterations,
                iterations * known.schedule.batch * processes, _disk(known), memory_mb=_memory(known, processes),
                shared_mb=_shared(known, processes), done=done, known=known, parts=parts)


def _detect(work: Work, known: Mapping[Need, Known]) -> list[Line]:
    if not work.trains_detector:
        return []
    if {'detect: train', 'detect'} <= work.done:
        return [Line('detect', 'train', done=True), Line('detect', 'boxes', done=True)]
    here = known[work.need('detect', asked_for.config(work.commands['detect']), 'full')]
    processes = work.processes('detect')
    images = (work.data.boxed if here.schedule.boxed_only else work.data.images)['train']
    return [_trained(work, 'detect', here, images, processes, 'detect: train' in work.done),
            Line('detect', 'boxes', here.rates.imports + work.data.total * here.rates.infer / processes,
                 done='detect' in work.done)]


def _synth(work: Work, name: str, command: Command, data_rates: Mapping[str, Any], known: Mapping[Need, Known]
           ) -> list[Line]:
    """Args:
        name: of the command among the work's.
    """
    if not asked_for.trains(command):
        return [Line(name, 'images (not measured, as nothing is trained)', done=name in work.done,
                     images=work.synthetic())]
    if {f'{name}: train', name} <= work.done:
        return [Line(name, 'train', done=True), Line(name, 'images', done=True)]
    here = known[work.need('synth', asked_for.config(command), 'square')]
    processes, train, count = work.processes('synth'), work.data.images['train'], work.synthetic()
    steps = 2 * sample_figures.SEEDS * max(JUDGE_LEAST, JUDGE_EPOCHS * train // JUDGE_BATCH)
    read = (train + work.data.images['val'] + count) * measured.seconds(data_rates['crop'], data_rates) / machine.cpus()
    drawn = (here.rates.imports + (here.rates.standing + count / processes) * here.rates.sample
             + steps * here.rates.judge + read)
    return [_trained(work, name, here, train, processes, f'{name}: train' in work.done),
            Line(name, 'images', drawn, images=count, disk_mb=count * data_rates['synthetic_bytes'] / 1e6,
                 done=name in work.done)]


def _classify(work: Work, known: Mapping[Need, Known]) -> list[Line]:
    """A line for each row; the stage's time on the wall is shared out among them."""
    command, lines, runs = work.commands['classify'], [], []
    seeds, train, val = asked_for.seeds(command), work.data.images['train'], work.data.images['val']
    test = 0 if command.one('--test') == 'no' else work.data.images['test']
    jobs = min(work.jobs, work.runs)
    for row in work.rows:
        left = [seed for seed in seeds if f'{row.name}-seed{seed}' not in work.done]
        if not left:
            lines.append(Line('classify', row.name, done=True))
            continue
        here = known[work.row_need(row)]
        parts = training(here, train, val)  # synthetic images make no epoch longer
        parts['prediction'] = (val + test) * here.rates.infer + here.rates.start * (1 + bool(test))
        each = sum(parts.values())
        runs += [each] * len(left)
        iterations = here.schedule.total(train) * len(left)
        lines.append(Line('classify', row.name, each * len(left), len(left), iterations,
                          iterations * here.schedule.batch, disk_mb=_disk(here) * len(left),
                          memory_mb=_memory(here, jobs), shared_mb=_shared(here, jobs), known=here, parts=parts))
    whole = side_by_side(runs, jobs) + max((line.known.rates.imports for line in lines if line.known), default=0)
    share = whole / (sum(line.seconds for line in lines) or 1)
    return [Line(**{**vars(line), 'seconds': line.seconds * share}) for line in lines]


def _disk(known: Known) -> float:
    """Of a training: its checkpoints, the one that is being written, and model.pth."""
    return known.checkpoint_mb * (known.schedule.kept + 1) + known.weights_mb


def _memory(known: Known, processes: int) -> float:
    """On each card, or in RAM by all processes."""
    return known.peak_mb if known.device_mb else known.peak_mb * processes


def _shared(known: Known, processes: int) -> float:
    """Batches that loader workers have ready: two each, and one on its way."""
    workers = min(known.schedule.workers, max(1, machine.cpus() // processes))
    return processes * workers * 3 * known.batch_mb


def total(lines: Sequence[Line]) -> float:
    return sum(line.seconds for line in lines)
