"""What make is asked for, on what data, and what of it is done already."""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.core import admission, machine
from pipelines.core.kinds import Kind
from pipelines.core.rows import Row
from pipelines.openmm.weights import parents
from tools.planning import commands as asked_for
from tools.planning.commands import Command
from tools.planning.data import Data
from tools.planning.measured import Need


@dataclass(frozen=True)
class Work:
    """What is asked for, and what there is.

    Args:
        commands: by stage, make's.
        data: images.
        done: ``convert``, ``detect: train``, ``detect``, ``crop``, ``synth: train``, ``synth`` and names of runs
            (``resnet50@box-seed0``) that are up to date.
        gpus: of this machine.
    """
    commands: Mapping[str, Command]
    data: Data
    done: frozenset[str] = frozenset()
    gpus: int = 0

    @property
    def trains_detector(self) -> bool:
        return 'detect' in self.commands and self.data.has_boxes and not self.commands['detect'].has('--boxes-from')

    @property
    def crops(self) -> bool:
        """Whether there will be boxes to cut by."""
        command = self.commands.get('detect')
        return self.data.has_boxes or bool(command and command.has('--boxes-from'))

    @property
    def rows(self) -> list[Row]:
        """Those whose images there will be, and before each those that it starts from."""
        found = asked_for.rows(self.commands['classify']) if 'classify' in self.commands else []
        if found and self.commands['classify'].has('--skip-missing'):
            judged = admission.judged(Path(self.commands['classify'].one('--data', '.')))
            let_in = ((row, admission.admitted(row.images, judged)[0]) for row in found)
            found = [replace(row, images=images) for row, images in let_in
                     if images and (self.crops or images.kind == 'full' and not images.generator)]
        return list(dict.fromkeys(one for row in found for one in (*parents.ancestors(row), row)))

    def processes(self, stage: str) -> int:
        """Of the detector's or the generator's training."""
        return int(self.commands[stage].one('--gpus', '1'))

    @property
    def jobs(self) -> int:
        """Classifiers at the same time: as `pipelines.trainings.do_all` has it."""
        return int(self.commands['classify'].one('--jobs', '0')) or self.gpus or machine.cpus()

    def need(self, stage: str, config: Path, kind: str) -> Need:
        processes = self.jobs if stage == 'classify' else self.processes(stage)
        return Need(stage, config, kind, min(processes, self.runs) if stage == 'classify' else processes,
                    min(processes, self.cards))

    @property
    def cards(self) -> int:
        """GPUs that the run will have: those that make was told of, where there is one here to measure on."""
        told = [self.processes(stage) for stage in ('detect', 'synth') if stage in self.commands]
        return max(self.gpus, *told, 0) if self.gpus else 0

    @property
    def runs(self) -> int:
        return max(1, len(self.rows) * len(asked_for.seeds(self.commands['classify'])))

    def needs(self) -> list[Need]:
        """What has to be known: of every recipe with something left to do, once."""
        found = []
        if self.trains_detector and not {'detect: train', 'detect'} <= self.done:
            found.append(self.need('detect', asked_for.config(self.commands['detect']), 'full'))
        for name, command in self.generators.items():
            if self.crops and not {f'{name}: train', name} <= self.done and asked_for.trains(command):
                found.append(self.need('synth', asked_for.config(command), 'square'))
        for row in self.rows:
            if any(f'{row.name}-seed{seed}' not in self.done for seed in asked_for.seeds(self.commands['classify'])):
                found.append(self.row_need(row))
        return list(dict.fromkeys(found))

    def row_need(self, row: Row) -> Need:
        return self.need('classify', row.config, Kind.parse(row.images.kind).shape)

    @property
    def generators(self) -> dict[str, Command]:
        """Those of `commands` that draw synthetic images."""
        return {name: command for name, command in self.commands.items() if command.stage == 'synth'}

    def synthetic(self) -> int:
        """Images that a generator draws: as many per class as train has on average, unless make was told."""
        train, classes = self.data.images['train'], self.data.classes
        return classes * (int(self.commands['synth'].one('--images-per-class', '0')) or math.ceil(train / classes))

    def without(self, *, row: Row | None = None, seed: int | None = None, generator: bool = False) -> Work:
        """The same with less."""
        command, commands = self.commands['classify'], dict(self.commands)
        kept = [text for text in command.all('--rows') if (row is None or Row.parse(text).name != row.name)
                and not (generator and '+' in text)]
        command = command.replaced('--rows', kept)
        if seed is not None:
            command = command.replaced('--seeds', [word for word in command.all('--seeds') if word != str(seed)])
        commands['classify'] = command
        if not any('+' in text for text in kept):
            commands = {name: command for name, command in commands.items() if command.stage != 'synth'}
        return Work(commands, self.data, self.done, self.gpus)
