"""Several trainings: in which order, checked before the first, and several at a time.

A run waits for those that it starts from (``model://``), and starts as soon as they are done.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path

from pipelines import runs as single
from pipelines.core import machine, manifest
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_files, devices, executors, threads
from pipelines.runs import Run


def _do(run: Run, tested: bool) -> None:
    single.train(run)
    if tested:
        single.test(run)


def check(runs: Sequence[Run]) -> None:
    """Before the first training: the recipe of every row is sound, and what it builds reads the row's lists.

    Raises:
        InputError: everything that is wrong with the recipes, or the first row that reads something else.
    """
    from pipelines.openmm.engine import as_built, lint
    rows = {(run.work, run.row.name): run for run in runs}.values()
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
    found: dict[Path, Run] = {}
    for run in (one for wanted in runs for one in (*wanted.ancestors(), wanted)):
        other = found.setdefault(run.folder, run)
        if other.row.config.resolve() != run.row.config.resolve():
            raise InputError(run.row.config, expected=f'one recipe of the name {run.row.config.stem}',
                             found=f'{other.row.config}, too', remedy='rename one of them')
    return list(found.values())


def do_all(runs: Sequence[Run], jobs: int | None, *, tested: bool = True, scheduler: str | None = None
           ) -> None:
    """Train what is not up to date, and read test with it, several runs at a time: one per GPU, else one per CPU.

    Args:
        runs: in the order in which they start. Those that they start from come before; they are not read on test.
        jobs: at the same time.
        tested: False: the test split stays shut.
        scheduler: address of a Dask scheduler, whose workers train (`executors.cluster`).
    Raises:
        InputError: the first of any run; the others are stopped, and go on in the next call.
    """
    read = {run.folder for run in runs if tested and not run.pretrains}
    runs = with_ancestors(runs)
    outdated = [run for run in runs if not run.is_current(tested=run.folder in read)]
    if len(outdated) < len(runs):
        if other := sum(manifest.other_code(run.folder, Path(single.__file__)) for run in runs if run not in outdated):
            print(f'[classify] {other} runs were made by other code than this (AGAIN=1 makes them anew)')
        print(f'[classify] {len(runs) - len(outdated)} of {len(runs)} runs are up to date')
    if not outdated:
        return
    threads.spin_briefly()
    if scheduler:
        variables = _variables(outdated)
        check(outdated)
        with executors.cluster(scheduler, variables, 'classify') as executor:
            _work_through(executor, outdated, jobs or len(outdated), read)
        return
    gpus = devices.gpus()
    jobs = jobs or len(gpus) or machine.cpus()
    threads.set_threads(jobs)  # not of how many runs there are left: the threads decide a run's last bits
    check(outdated)
    jobs = min(jobs, len(outdated))
    os.environ['FGIC_JOBS'] = str(jobs)  # they share the CPUs that load images
    if jobs == 1:
        for number, run in enumerate(outdated, 1):
            print(f'[classify] run {number} of {len(outdated)}')
            _do(run, run.folder in read)
        return
    with executors.processes(jobs, gpus) as executor:
        _work_through(executor, outdated, jobs, read)


def in_order(runs: Sequence[Run], submit: Callable[[Run], Future], width: int) -> Iterator[Future]:
    """Start each run when those that it starts from are done; hand out each as it ends.

    Args:
        runs: as `with_ancestors` orders them; what is not among them is done.
        submit: starts one.
        width: so many at the same time, at most.
    """
    waiting = {run.folder: {parent.folder for parent in run.parents().values()} for run in runs}
    by_folder = {run.folder: run for run in runs}
    left, going = set(waiting), dict[Future, Path]()
    while left:
        ready = [folder for folder, before in waiting.items() if not before & left]
        for folder in ready[:width - len(going)]:
            waiting.pop(folder)
            going[submit(by_folder[folder])] = folder
        for future in wait(going, return_when=FIRST_COMPLETED).done:
            yield future
            left.discard(going.pop(future))


def _work_through(executor: Executor, runs: Sequence[Run], width: int, read: Collection[Path]) -> None:
    """All runs, ``width`` of them at a time."""
    from tqdm import tqdm
    done = in_order(runs, lambda run: executor.submit(_do, run, run.folder in read), width)
    for future in tqdm(done, '[classify] runs', len(runs), unit='run', dynamic_ncols=True):
        future.result()


def _variables(runs: Sequence[Run]) -> dict[str, str | None]:
    """Of the environment, what decides these runs' results: ours, the user's threads, and what their configs read."""
    ours = {name: value for name, value in os.environ.items() if name.startswith('FGIC_')}
    read = {name for config in {run.row.config for run in runs} for name in config_files.variables(config)}
    return {**ours, **{name: os.environ.get(name) for name in sorted(read)},
            **({'OMP_NUM_THREADS': str(asked)} if (asked := threads.asked()) else {})}
