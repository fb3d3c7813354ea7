"""Where trainings run: processes of this machine, a device each, or the workers of a Dask cluster.

A worker of a cluster starts a process for each training: it has the GPU and the threads for itself, leaves nothing
behind, and dies with its worker. The cluster's machines see the same files under the same paths; nothing but names
travels.
"""
from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import machine, shards
from pipelines.core.errors import InputError

_ROOT = Path(__file__).resolve().parents[3]
_POLL = 1  # seconds between two looks at whether a training is still wanted
_PATIENCE = 60  # seconds for the first worker to come
_ON_GPUS = 'CUDA_VISIBLE_DEVICES'
Variables = Mapping[str, 'str | None']


@contextmanager
def processes(jobs: int, gpus: list[str]) -> Iterator[Executor]:
    """Processes of this machine.

    Args:
        jobs: at the same time.
        gpus: given out in turn; none: they compute on the CPU.
    Raises:
        InputError: one was killed.
    """
    context = multiprocessing.get_context('spawn')
    devices = context.Queue()
    for number in range(jobs):
        devices.put((number, gpus[number % len(gpus)] if gpus else None))
    pool = ProcessPoolExecutor(jobs, context, _start_process, (devices, os.getpid()))
    try:
        yield pool
    except BrokenProcessPool:
        raise InputError('a classifier\'s training', expected='to run to its end', found='its process was killed',
                         remedy='probably the memory ran out: run it again with JOBS=1 (--jobs 1)') from None
    finally:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:  # after the last run they are idle; after an error or Ctrl-C they are not waited for
            worker.terminate()


def _start_process(devices: multiprocessing.Queue, parent: int) -> None:
    """Give a worker process its device: a GPU, or a CPU thread and a line of the terminal."""
    machine.die_with_parent(parent)
    line, gpu = devices.get()
    if gpu is not None:
        os.environ[_ON_GPUS] = gpu
    os.environ['TQDM_POSITION'] = str(line + 1)  # below the bar over all runs
    multiprocessing.set_start_method(None, force=True)  # mmengine warns of another than it sets, as spawn's own


@contextmanager
def cluster(address: str, variables: Variables, title: str) -> Iterator[Executor]:
    """The workers of a Dask cluster: one training for each that offers a GPU (``dask worker --resources GPU=1``); where
    none does, one on a CPU for each of their threads.

    A training whose worker dies is given to another one. What is not wanted any more, as this process ended or was
    interrupted, is stopped within seconds.

    Args:
        address: of the scheduler.
        variables: of the environment, that decide results; None: not set, whatever it is at the worker.
        title: in front of what is printed.
    Raises:
        InputError: no scheduler, no worker, several on one GPU; a training that killed worker after worker.
    """
    from distributed import KilledWorker

    with shards.client(address) as client:
        workers = _workers(client, address)
        on_gpus = any(row['resources'].get('GPU') for row in workers.values())
        slots = Counter({row['host']: 0 for row in workers.values()})
        for row in workers.values():
            slots[row['host']] += 1 if on_gpus else row['nthreads']
        print(f'[{title}] {len(workers)} workers at {address}: ' + (
            'a GPU for each training' if on_gpus else 'trainings on CPUs, as none offers GPU=1 (docs/scaling.md)'))
        inner = client.get_executor(pure=False, resources=dict(GPU=1) if on_gpus else None)
        place = Place(os.getcwd(), {**variables, **({} if on_gpus else {_ON_GPUS: ''})}, dict(slots))
        try:
            yield _Cluster(inner, place)
        except KilledWorker as error:
            raise InputError('--scheduler', expected='workers that live', found=f'a training whose workers died, one '
                             f'after the other, the last one {error.last_worker.address}', remedy='see their logs: '
                             'probably the memory ran out; the same command goes on from the last checkpoint') from None
        except CancelledError:
            raise InputError('--scheduler', expected='a scheduler that lives', found=f'{address} has ended',
                             remedy='start it again; the same command goes on from the last checkpoints') from None
        finally:
            inner.shutdown(wait=False)


@dataclass(frozen=True)
class Place:
    """What a task finds on any machine.

    Args:
        folder: to work in.
        variables: see `cluster`.
        slots: trainings at the same time, by machine: they share its CPUs.
    """
    folder: str
    variables: Variables
    slots: Mapping[str, int]


class _Cluster(Executor):
    def __init__(self, inner: Executor, place: Place) -> None:
        self._inner, self._place = inner, place

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._inner.submit(_on_worker, pickle.dumps(functools.partial(fn, *args, **kwargs)), self._place)


def _workers(client: Any, address: str) -> dict[str, dict[str, Any]]:
    """The cluster's workers, by address.

    Raises:
        InputError: there is none, or two of them would use the same GPU.
    """
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=_PATIENCE)
    workers = client.scheduler_info()['workers']
    if not workers:
        raise InputError('--scheduler', expected='a worker, at least', found=f'none at {address} in {_PATIENCE} s',
                         remedy=f'start one on each machine: dask worker {address} --nthreads 1 --no-nanny')
    remedy = f'start one worker for each GPU: {_ON_GPUS}=0 dask worker {address} --nthreads 1 --resources GPU=1'
    gpus = {name: row['resources'].get('GPU', 0) for name, row in workers.items()}
    if several := [name for name, number in gpus.items() if number > 1]:
        raise InputError('--scheduler', expected='workers with one GPU each', found=f'GPU={gpus[several[0]]:g} at '
                         f'{several[0]}', remedy=remedy)
    offered = [name for name, number in gpus.items() if number]
    seen: dict[tuple[str, str | None], str] = {}
    for name, device in client.run(os.environ.get, _ON_GPUS, workers=offered).items() if len(offered) > 1 else ():
        if (first := seen.setdefault((workers[name]['host'], device), name)) != name:
            raise InputError('--scheduler', expected=f'another {_ON_GPUS} for each worker of a machine',
                             found=f'{device or "none"} at {first} and {name}', remedy=remedy)
    return workers


def _on_worker(task: bytes, place: Place) -> Any:
    """In a worker: run a pickled call in a process of its own, and hand on what it gives.

    Raises:
        InputError, OSError, MemoryError: from the call.
        RuntimeError: any other error, with its traceback; or the call is not wanted any more.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    child = subprocess.Popen(
        [sys.executable, '-m', __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=place.folder,
        env=_environment(place, worker), preexec_fn=functools.partial(machine.die_with_parent, os.getpid()))
    unsent: bytes | None = task
    try:
        while True:
            try:
                said, _ = child.communicate(unsent, timeout=_POLL)
                break
            except subprocess.TimeoutExpired:
                unsent = None  # it goes on with what it was given
                state = worker.state.tasks.get(key)
                if state is None or state.state in ('cancelled', 'released'):
                    raise RuntimeError(f'{key} is not wanted any more') from None
    finally:
        child.kill()
        child.wait()
    if child.returncode:
        raise InputError(f'a training on {worker.address}', expected='to run to its end',
                         found=f'its process ended with status {child.returncode}', remedy='see the log of that '
                         'worker; with -9 the memory ran out. The same command goes on from the last checkpoint')
    result, error = pickle.loads(said)  # of our own process
    if error is not None:
        raise error
    return result


def _environment(place: Place, worker: Any) -> dict[str, str]:
    """Of the process of a training: this machine's, with the command's own variables."""
    host = worker.address.split('//')[-1].rpartition(':')[0]
    slots = place.slots.get(host, 1)
    found: dict[str, str | None] = {name: value for name, value in os.environ.items() if not name.startswith('FGIC_')}
    if worker.nanny:  # it sets one thread, which nobody asked for
        found['OMP_NUM_THREADS'] = None
    found.update(place.variables, FGIC_JOBS=str(slots), PYTHONPATH=os.pathsep.join(
        [str(_ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]))
    found['OMP_NUM_THREADS'] = found.get('OMP_NUM_THREADS') or str(max(1, machine.cpus() // slots))
    return {name: value for name, value in found.items() if value is not None}


def main() -> None:
    """A call from stdin; its result, or its error, to stdout, where nothing else is written."""
    answer = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)
    result: Any = None
    error: Exception | None = None
    try:
        result = pickle.load(sys.stdin.buffer)()
    except (InputError, OSError, MemoryError) as found:
        error = found
    except Exception:
        error = RuntimeError(traceback.format_exc())
    if error:
        print(error, file=sys.stderr)
    with answer:
        pickle.dump((result, error), answer)


if __name__ == '__main__':
    main()
