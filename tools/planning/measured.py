"""Measurements of recipes on this machine: made in fresh processes, kept beside the datasets, found again."""
from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.core import code, json_files, machine
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_files, devices, threads
from tools.bench import processes
from tools.bench.measure import ROOT
from tools.planning import child
from tools.planning.schedule import Schedule

NAME = 'measured.json'
_LIMIT = 900  # seconds for one recipe
_COPIES = 8  # trainings that are measured side by side at most; more of them are taken to be as fast


@dataclass(frozen=True)
class Need:
    """A recipe to measure.

    Args:
        stage, config: of it.
        kind: of crops, without margins: full, box or square.
        processes: that compute at the same time on this machine.
        gpus: that they share; 0: the CPUs.
    """
    stage: str
    config: Path
    kind: str
    processes: int = 1
    gpus: int = 0

    @property
    def copies(self) -> int:
        """Processes to measure side by side: those that share a card, or classifiers that share the CPUs. Of torchrun's
        on CPUs there is one, with its share of them."""
        if self.gpus:
            return min(_COPIES, math.ceil(self.processes / self.gpus))
        return min(_COPIES, machine.cpus(), self.processes) if self.stage == 'classify' else 1

    @property
    def name(self) -> str:
        return f'{self.config.stem}@{self.kind}' if self.stage == 'classify' else self.config.stem


@dataclass(frozen=True)
class Pictures:
    """What is drawn to measure with: as `child.DataJob`."""
    width: int
    height: int
    crop_size: int
    classes: int
    kinds: tuple[str, ...]
    resolution: int


@dataclass(frozen=True)
class Rates:
    """Seconds of a recipe's units of work.

    Args:
        train: an iteration at the recipe's batch.
        infer: an image of val or test.
        sample, judge: a synthetic image, and a step of the classifiers that judge them.
        imports, start, save: starting a process, building what trains, writing a checkpoint.
        standing: images that are drawn before the first, to average batch norm over.
        taken: finished trainings say so, not a measurement.
    """
    train: float
    infer: float = 0.
    sample: float = 0.
    judge: float = 0.
    imports: float = 0.
    start: float = 0.
    save: float = 0.
    standing: int = 0
    taken: bool = False


def seconds(timed: Mapping[str, float], record: Mapping[str, Any]) -> float:
    """Of a unit: by the clock or, where others used the CPUs meanwhile, what the CPUs themselves say."""
    return min(timed['wall'], timed['cpu'] / record['threads']) if record['busy'] else timed['wall']


def rates(record: Mapping[str, Any]) -> Rates:
    def of(name: str) -> float:
        return seconds(record[name], record) if name in record else 0.

    return Rates(of('train'), of('infer'), of('sample'), of('judge'), of('imports'), of('start'), of('save'),
                 record.get('standing', 0))


def schedule(record: Mapping[str, Any]) -> Schedule:
    return Schedule(**record['schedule'])


def machine_facts() -> dict[str, Any]:
    """What a measurement holds for: as `devices.conditions`, without asking torch."""
    cards = sorted(path.read_text() for path in Path('/proc/driver/nvidia/gpus').glob('*/information'))
    return dict(cpu=devices._cpu(), cpus=machine.cpus(), asked=threads.asked(),
                cards=hashlib.sha256(''.join(cards).encode()).hexdigest()[:8] if cards else None,
                visible=os.environ.get('CUDA_VISIBLE_DEVICES'))


class Kept:
    """The measurements of a machine, in a file beside the datasets.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.rows: dict[str, Any] = json_files.read(path)
        except (OSError, ValueError):
            self.rows = {}

    def key(self, *what: Any) -> str:
        text = json.dumps([*what, machine_facts(), code.digest(Path(child.__file__))], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def of(self, need: Need, pictures: Pictures) -> str:
        """The key of a recipe's measurement."""
        size = [pictures.width // 32, pictures.height // 32, pictures.crop_size, pictures.classes]
        return self.key('recipe', need.stage, config_files.digest(need.config), need.kind, need.processes, need.gpus,
                        size)

    def of_data(self, pictures: Pictures) -> str:
        return self.key('data', asdict(pictures))

    def put(self, key: str, record: dict[str, Any]) -> None:
        self.rows[key] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        json_files.write(self.path, self.rows)


def measure(needs: Sequence[Need], pictures: Pictures, kept: Kept, *, budget: float,
            said: Callable[[str], None] = print) -> tuple[dict[str, Any], dict[Need, dict[str, Any]]]:
    """Measurements of the data path and of recipes: those that are kept, and those that are made now.

    Args:
        budget: seconds for each figure, about.
    Returns:
        of data, and by need.
    Raises:
        InputError: a recipe does not run; with the end of what it said.
    """
    missing = [need for need in needs if kept.of(need, pictures) not in kept.rows]
    if missing or kept.of_data(pictures) not in kept.rows:
        from tqdm import tqdm
        with tempfile.TemporaryDirectory(prefix='plan-') as folder, tqdm(
                total=1 + len(missing), desc='[plan] measuring', unit='recipe', dynamic_ncols=True) as bar:
            for key, name, run in _jobs(missing, pictures, kept, Path(folder), budget):
                bar.set_postfix_str(name)
                kept.put(key, run())
                bar.update()
    return kept.rows[kept.of_data(pictures)], {need: kept.rows[kept.of(need, pictures)] for need in needs}


def _jobs(needs: Sequence[Need], pictures: Pictures, kept: Kept, folder: Path, budget: float
          ) -> Iterator[tuple[str, str, Callable[[], dict[str, Any]]]]:
    drawn = child.DataJob(str(folder / 'data'), **asdict(pictures))
    yield kept.of_data(pictures), 'pictures', partial(_run, 'data', drawn, folder, Need('data', Path('pictures'), ''))
    for need in needs:
        job = child.RecipeJob(str(folder / 'data'), need.stage, str(need.config.resolve()), need.kind,
                              pictures.classes, budget, memory_mb() / need.copies)
        yield kept.of(need, pictures), need.name, partial(_run, 'recipe', job, folder, need)


def _run(what: str, job: Any, folder: Path, need: Need) -> dict[str, Any]:
    """One measurement, by as many processes at once as will share a device; the slowest counts."""
    number = threads.asked() or max(1, machine.cpus() // need.processes)
    (folder / 'data').mkdir(exist_ok=True)
    busy = threads.free_cpus(1.0) < min(machine.cpus(), need.copies * number)
    environment = dict(OMP_NUM_THREADS=str(number), FGIC_JOBS=str(need.processes), GOMP_SPINCOUNT='20000')
    logs = [folder / f'{copy}.txt' for copy in range(need.copies)]
    line = [sys.executable, '-m', 'tools.planning.child', what, json.dumps(asdict(job))]

    def one(log: Path) -> None:
        processes.run(line, log, limit=_LIMIT, cwd=ROOT, environment=environment)

    beside = [threading.Thread(target=one, args=(log,), daemon=True) for log in logs[1:]]
    for thread in beside:
        thread.start()
    one(logs[0])
    for thread in beside:
        thread.join()
    said = [_said(log, need) for log in logs]
    slowest = max(said, key=lambda row: row.get('train', row.get('convert', {}))['wall'])
    number = number if what == 'recipe' else 1
    return dict(slowest, busy=_is_busy(slowest, number, busy), threads=number)


def _is_busy(record: dict[str, Any], number: int, busy: bool) -> bool:
    """Whether others used the CPUs meanwhile: they did so before, or the recipe waited, and not for a loader."""
    if record.get('conditions', {}).get('device', 'CPU') != 'CPU':
        return False
    timed = record.get('train') or record['convert']
    return busy or not record.get('schedule', {}).get('workers') and timed['wall'] > 1.5 * timed['cpu'] / number


def _said(log: Path, need: Need) -> dict[str, Any]:
    lines = log.read_text(errors='replace').splitlines()
    with contextlib.suppress(StopIteration, ValueError):
        return json.loads(next(line for line in reversed(lines) if line.startswith('{')))
    errors = [line for line in lines if re.match(r'[\w.]*(Error|Exception|error)\b', line)]  # bars may stand behind
    end = ' / '.join(line.strip() for line in errors[-1:] or lines[-3:] if line.strip())[-600:]
    raise InputError(need.config, expected=f'a recipe that trains some iterations within {_LIMIT} s',
                     found=end or 'no word', remedy=f'python -m tools.lint_configs says more of a config; to plan '
                     f'without it, leave it out of {"ROWS" if need.stage == "classify" else need.stage.upper()}')


def memory_mb() -> float:
    """Of this machine, or of the container that this process is in."""
    whole = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    for path in ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'):
        with contextlib.suppress(OSError, ValueError):
            whole = min(whole, int(Path(path).read_text()))
    return whole / 1e6


def gpus() -> int:
    """Of this machine, that a process may use; torch is asked only where there is a driver to ask."""
    if not any(map(os.path.exists, devices._DRIVERS)):
        return 0
    return len(devices.gpus())
