"""Training iterations per second under several settings of OpenMP's threads, on idle and on busy cores.

    python -m tools.bench.threads

The settings are those that pipelines/openmm/engine/threads.py chooses between. BigGAN-deep at 64 px is timed on an idle
machine and with one more process at work per core, the toys' detector on an idle machine: iterations after the first
10, in fresh processes, all settings in turn, the median of the rounds. Both train on drawn dogs. Prints the table of
docs/benchmarks.md.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipelines.core import coco
from pipelines.core.errors import command
from pipelines.openmm.engine import threads
from tools.bench import measure

WARM_UP = 10
GAN = ('mm_configs/synth/biggan-deep_64px.py', 'crop', 50)  # config, the stage it reads from, iterations
DETECTOR = ('mm_configs/detect/faster-rcnn_r18_fpn.py', 'convert', 30)
COLUMNS = {'GAN, idle machine': (GAN, False), 'GAN, all cores busy': (GAN, True), 'detector, idle': (DETECTOR, False)}


def settings(cores: int) -> dict[str, tuple[dict[str, str], bool]]:
    """By name: environment variables, and whether `threads.set_threads` adds its own."""
    several = dict(OMP_NUM_THREADS=str(cores))
    return {'1 thread': (dict(OMP_NUM_THREADS='1'), False),
            f'{cores} threads, `OMP_WAIT_POLICY=PASSIVE`': ({**several, 'OMP_WAIT_POLICY': 'PASSIVE'}, False),
            f'{cores} threads, OpenMP\'s default': (several, False),
            f'{cores} threads, `GOMP_SPINCOUNT` (ours)': (several, True)}


def rate(config: str, data: Path, iterations: int, ours: bool) -> float:
    """Train in this process; iterations per second after the first `WARM_UP`."""
    if ours:
        threads.set_threads()
    from pipelines.openmm.engine import config as mm
    from pipelines.openmm.engine import training
    from tools.bench.clock import Done

    classes = len(coco.read(data.parent / 'convert' / 'train.json').categories)
    cfg = mm.load(measure.ROOT / config, data_root=data, num_classes=classes)
    cfg.custom_hooks = [*cfg.get('custom_hooks', []),
                        dict(type='mmengine.ClockHook', warm_up=WARM_UP, iterations=iterations)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            training.train(cfg, Path(folder), seed=0)
        except Done as done:
            return iterations / done.seconds
    raise RuntimeError(f'{config}: the training ended before {WARM_UP + iterations} iterations')


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many cores at work."""
    running = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def draw(work: Path) -> None:
    """Drawn dogs, converted and cropped."""
    measure.run('data_converters.toy', '--dataset', 'toy-dogs', '--out', work / 'raw')
    measure.run('data_converters.convert', '--dataset', 'toy-dogs', '--raw', work / 'raw', '--out', work / 'convert')
    measure.run('pipelines.crop', '--coco', work / 'convert', '--out', work / 'crop', '--boxes', 'gt')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('tools.bench.threads', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3, help='default: %(default)s')
    parser.add_argument('--child', nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        config, data, iterations, ours = args.child
        print(json.dumps(dict(rate=rate(config, Path(data), int(iterations), ours == 'True'))))
        return
    cores = len(os.sched_getaffinity(0))
    table: dict[str, list[str]] = {name: [] for name in settings(cores)}
    with tempfile.TemporaryDirectory(prefix='bench-threads-') as folder:
        work = Path(folder)
        draw(work)
        for column, ((config, stage, iterations), with_others) in COLUMNS.items():
            measure.warn_if_busy()
            print(f'[{column}]', flush=True)
            with busy(cores if with_others else 0):
                found = measure.alternate({
                    name: partial(measure.run, 'tools.bench.threads', '--child', config, work / stage, iterations, ours,
                                  cpus=cores, environment=environment)
                    for name, (environment, ours) in settings(cores).items()}, args.rounds)
            for name, runs in found.items():
                table[name].append(f'{measure.median([run.said["rate"] for run in runs]):.1f}')
    print('\n'.join(['', f'Iterations per second, median of {args.rounds}', '',
                     f'| threads | {" | ".join(COLUMNS)} |', '|---' * (len(COLUMNS) + 1) + '|',
                     *(f'| {name} | {" | ".join(cells)} |' for name, cells in table.items())]))


if __name__ == '__main__':
    sys.exit(main())
