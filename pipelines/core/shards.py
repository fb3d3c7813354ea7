"""A long job over many images in shards: independent, repeatable, done by processes here or by a Dask cluster.

Shards are cut by position, so they do not depend on who works on them. A finished shard is one JSON file, renamed into
place; a job that starts again in the same folder leaves those out. At most the shards under way are done twice.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from pipelines.core import json_files, machine
from pipelines.core.arguments import whole
from pipelines.core.errors import InputError


@dataclass(frozen=True)
class Engine:
    """Who works.

    Args:
        workers: processes on this machine; None: one per CPU that this process may use.
        scheduler: address of a Dask scheduler, whose workers see the same files under the same paths; ``workers`` does
            not count then.
        option: of the command, which sets ``workers``.
    """
    workers: int | None = None
    scheduler: str | None = None
    option: str = '--workers'

    @contextmanager
    def executor(self, shards: int) -> Iterator[tuple[Executor, int]]:
        """A place to submit to, and how many shards it works on at once."""
        workers = min(self.workers or machine.cpus(), shards)
        if self.scheduler:
            with client(self.scheduler) as dask:
                # a worker that dies is no fault of the shard it was at
                yield dask.get_executor(pure=False, retries=5), max(1, sum(dask.nthreads().values()))
        elif workers <= 1:
            yield _Here(), 1
        else:
            spawn = multiprocessing.get_context('spawn')  # fork is unsafe beside tqdm's thread
            pool = ProcessPoolExecutor(workers, spawn, initializer=_start, initargs=(os.getpid(), workers))
            os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')  # these processes are enough; numpy is imported sooner
            try:
                yield pool, workers
            finally:
                pool.shutdown(cancel_futures=True)


class _Here(Executor):
    """Works at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _start(parent: int, workers: int) -> None:
    """In a worker: die with the parent, to write nothing where the next run does."""
    os.environ['FGIC_JOBS'] = str(workers)  # which share the CPUs
    machine.die_with_parent(parent)


def client(address: str) -> Any:
    """A client of a Dask scheduler: a context.

    Raises:
        InputError: none answers.
    """
    from distributed import Client

    try:
        return Client(address, timeout=20)  # type: ignore[no-untyped-call]  # distributed has no types
    except (OSError, ValueError) as error:
        raise InputError('--scheduler', expected='the address of a Dask scheduler, as tcp://host:8786',
                         found=f'{address} ({error})', remedy='start one (docs/scaling.md), or leave it out') from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--workers', type=whole(1), help='processes; default: one per CPU, or this one alone '
                        'where others would take longer to start')
    parser.add_argument('--scheduler', metavar='ADDRESS', help='work on a Dask cluster instead: tcp://host:8786')


def _cut(items: Iterable[Any], size: int, apart: Callable[[Any], Any] | None) -> Iterator[list[Any]]:
    for _, group in groupby(items, apart or (lambda item: None)):
        while batch := list(islice(group, size)):
            yield batch


def run(work: Callable[..., Any], items: Iterable[Any], args: tuple[Any, ...], folder: Path, *, size: int, total: int,
        title: str, apart: Callable[[Any], Any] | None = None, engine: Engine | None = None) -> list[Path]:
    """Work through items, ``size`` at a time.

    Args:
        work: ``work(items of one shard, *args)`` gives JSON; importable by name, and the same for the same items.
        items: read as the work goes on.
        folder: holds the finished shards' results.
        total: number of items, for the progress bar.
        apart: of an item; where it changes, a new shard begins.
    Returns:
        the files with the shards' results, in order.
    Raises:
        InputError: from ``work``; or a worker process was killed, or no scheduler answers.
    """
    from tqdm import tqdm

    engine, folder = engine or Engine(), folder.absolute()
    folder.mkdir(exist_ok=True)
    done = {path.name for path in folder.glob('*.json')}
    if done:
        print(f'[{title}] goes on: {len(done)} shards were done before', flush=True)
    names: list[str] = []
    pending: set[Future[int]] = set()
    try:
        with engine.executor(-(-total // size) - len(done)) as (executor, width), \
                tqdm(total=total, desc=f'[{title}]', unit='img', dynamic_ncols=True) as bar:
            for batch in _cut(items, size, apart):
                names.append(f'{len(names):08}.json')
                if names[-1] in done:
                    bar.update(len(batch))
                    continue
                pending.add(executor.submit(_one, work, batch, args, folder / names[-1]))
                while len(pending) >= 2 * width:
                    pending = _collect(pending, bar)
            while pending:
                pending = _collect(pending, bar)
    except BrokenProcessPool:
        raise InputError(engine.option, expected='worker processes that live', found='one was killed (out of memory?)',
                         remedy='run the same command, which goes on from here, with fewer workers') from None
    return [folder / name for name in names]


def results(finished: list[Path]) -> Iterator[Any]:
    """What the shards gave, one after the other."""
    return (json.loads(path.read_bytes()) for path in finished)


def _one(work: Callable[..., Any], batch: list[Any], args: tuple[Any, ...], path: Path) -> int:
    json_files.write(path, work(batch, *args), indent=None)
    return len(batch)


def _collect(pending: set[Future[Any]], bar: Any) -> set[Future[int]]:
    finished, rest = wait(pending, return_when=FIRST_COMPLETED)
    bar.update(sum(future.result() for future in finished))
    return rest
