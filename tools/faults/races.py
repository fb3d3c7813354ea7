"""Two to eight runs of the same stage at once, into the same folder."""
from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from tools.faults.chain import STAGES, chain, differences, snapshot
from tools.faults.processes import Running, last_line
from tools.faults.row import Broken, Injector

_NAMES = ('convert', 'crop', 'detect', 'synth')


def prepare(toy: str, work: Path) -> Injector:
    """Start a stage several times at once: with one command or, of two commands, each by half of the processes.

    Args:
        toy: arguments of ``data_converters.toy``.
        work: gets the undisturbed runs.
    """
    undisturbed = chain(work, toy, *_NAMES)

    def inject(folder: Path, rng: random.Random) -> str:
        name = _NAMES[int(folder.name) % len(_NAMES)]
        stage, count, two = STAGES[name], rng.randint(2, 8), rng.random() < 0.5
        undisturbed.copy(name, data := folder / 'data')
        with ExitStack() as stack:
            runs = [stack.enter_context(Running(stage.command(data, other=two and i % 2 == 1), folder / f'{i}.log'))
                    for i in range(count)]
            ends = [run.finish() for run in runs]
        for number, (status, text) in enumerate(ends):
            if status:
                raise Broken(f'{name}: {number}.log: exit status {status}: {last_line(text)}')
        idle = [f'[{name}] up to date' in text for _, text in ends]
        possible = [undisturbed.result(name)] + ([undisturbed.result(name, other=True)] if two else [])
        if (seen := snapshot(data / stage.out)) not in possible:
            raise Broken(f'{name}: {count} at once left a mixed result: {differences(seen, possible[0])}')
        if not two and sum(idle) != count - 1:
            raise Broken(f'{name}: of {count} runs at once {count - sum(idle)} did the work')
        return f'{name}, two commands' if two else name

    return inject
