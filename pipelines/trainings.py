"""Several trainings: in which order, checked before the first, and several at a time.

A run waits for those that it starts from (``model://``), and starts as soon as they are done.
"""
from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from pipelines import runs as single
from pipelines.core import machine, manifest
from pipelines.core.errors import InputError
from pipelines.openmm.engine import devices
from pipelines.runs import Run


def _do(run: Run, tested: bool) -> None:
    single.train(run)
    if tested:
        single.test(run)


def _start_worker(devices: multiprocessing.Queue, parent: int) -> None:
    """Give a worker process its device: a GPU, or a CPU thread and a line of the terminal."""
    machine.die_with_parent(parent)
    line, gpu = devices.get()
    if gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = gpu
    os.environ['TQDM_POSITION'] = str(line + 1)  # below the bar over all runs
    multiprocessing.set_start_method(None, force=True)  # mmengine warns of another than it sets, as spawn's own


def check(runs: Sequence[Run]) -> None:
    """Before the first training: the recipe of every row is sound, and what it builds reads the row's lists.

    Raises:
        InputError: everything that is wrong with the recipes, or the first row that reads something else.
    """
    from pipelines.openmm.engine import as_built, lint
    rows = {run.row.name: run for run in runs}.values()
    if found := [finding for run in rows for finding in lint.findings(
            run.row.config, data_root=run.work, categories=lint.named(run.rows('test')[0]), images=run.row.images,
            options=run.options)]:
        raise lint.FoundError(found)
    for run in rows:
        as_built.check(run.load(), run.lists())


def with_ancestors(runs: Iterable[Run]) -> list[Run]:
    """Runs and those that they start from, each once, and none before one that it starts from.

    Raises:
        InputError: as `Run.ancestors`, or two recipes of one name.
    """
    found: dict[str, Run] = {}
    for run in (one for wanted in runs for one in (*wanted.ancestors(), wanted)):
        other = found.setdefault(run.name, run)
        if other.row.config.resolve() != run.row.config.resolve():
            raise InputError(run.row.config, expected=f'one recipe of the name {run.row.config.stem}',
                             found=f'{other.row.config}, too', remedy='rename one of them')
    return list(found.values())


def do_all(runs: Sequence[Run], jobs: int | None, *, tested: bool = True) -> None:
    """Train what is not up to date, and read test with it, several runs at a time: one per GPU, else one per CPU.

    Args:
        runs: in the order in which they start. Those that they start from come before; they are not read on test.
        jobs: at the same time.
        tested: False: the test split stays shut.
    Raises:
        InputError: the first of any run; the others are stopped, and go on in the next call.
    """
    read = {run.name for run in runs if tested and not run.pretrains}
    runs = with_ancestors(runs)
    outdated = [run for run in runs if not run.is_current(tested=run.name in read)]
    if len(outdated) < len(runs):
        if other := sum(manifest.other_code(run.folder, Path(single.__file__)) for run in runs if run not in outdated):
            print(f'[classify] {other} runs were made by other code than this (AGAIN=1 makes them anew)')
        print(f'[classify] {len(runs) - len(outdated)} of {len(runs)} runs are up to date')
    if not outdated:
        return
    from pipelines.openmm.engine import threads
    threads.spin_briefly()
    gpus = devices.gpus()
    jobs = jobs or len(gpus) or machine.cpus()
    threads.set_threads(jobs)  # not of how many runs there are left: the threads decide a run's last bits
    check(outdated)
    jobs = min(jobs, len(outdated))
    os.environ['FGIC_JOBS'] = str(jobs)  # they share the CPUs that load images
    if jobs == 1:
        for number, run in enumerate(outdated, 1):
            print(f'[classify] run {number} of {len(outdated)}')
            _do(run, run.name in read)
        return
    _in_processes(outdated, jobs, gpus, read)


def in_order(runs: Sequence[Run], submit: Callable[[Run], Future]) -> Iterator[Future]:
    """Start each run when those that it starts from are done; hand out each as it ends.

    Args:
        runs: as `with_ancestors` orders them; what is not among them is done.
        submit: starts one.
    """
    waiting = {run.name: {parent.name for parent in run.parents().values()} for run in runs}
    by_name = {run.name: run for run in runs}
    left, going = set(waiting), dict[Future, str]()
    while left:
        for name in [name for name, before in waiting.items() if not before & left]:
            waiting.pop(name)
            going[submit(by_name[name])] = name
        for future in wait(going, return_when=FIRST_COMPLETED).done:
            yield future
            left.discard(going.pop(future))


def _in_processes(runs: Sequence[Run], jobs: int, gpus: list[str], read: Collection[str]) -> None:
    from tqdm import tqdm
    context = multiprocessing.get_context('spawn')
    devices = context.Queue()
    for number in range(jobs):
        devices.put((number, gpus[number % len(gpus)] if gpus else None))
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (devices, os.getpid()))
    try:
        done = in_order(runs, lambda run: pool.submit(_do, run, run.name in read))
        for future in tqdm(done, '[classify] runs', len(runs), unit='run', dynamic_ncols=True):
            future.result()
    except BrokenProcessPool:
        raise InputError('a classifier\'s training', expected='to run to its end', found='its process was killed',
                         remedy='probably the memory ran out: run it again with JOBS=1 (--jobs 1)') from None
    finally:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:  # after the last run they are idle; after an error or Ctrl-C they are not waited for
            worker.terminate()
