"""Classifiers on a real Dask cluster of two workers on this machine, and as jobs of a Slurm array."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipelines import classify
from pipelines.core import manifest, shards
from pipelines.core.errors import InputError
from pipelines.openmm.engine import executors
from tests.launched import ROOT, cropped

EPOCHS = 5


def _start(*arguments: str, **kwargs: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, stdout=subprocess.DEVNULL,
                            env={**os.environ, 'PYTHONPATH': str(ROOT)}, **kwargs)


def _until(found: Callable[[], object], alive: subprocess.Popen, seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert alive.poll() is None and time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope='module')
def scheduler(tmp_path_factory) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address of a scheduler, and its two workers."""
    file = tmp_path_factory.mktemp('dask') / 'scheduler.json'
    processes = [_start('-m', 'distributed.cli.dask_scheduler', '--scheduler-file', file, '--port', '0', '--host',
                        '127.0.0.1', '--no-dashboard', stderr=subprocess.DEVNULL)]
    try:
        _until(file.exists, processes[0])
        address = json.loads(file.read_text())['address']
        processes += [_start('-m', 'distributed.cli.dask_worker', address, '--nthreads', '1', '--no-nanny', '--host',
                             '127.0.0.1', '--no-dashboard', stderr=subprocess.DEVNULL) for _ in range(2)]
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory) -> Path:
    return cropped(toy_dogs_coco, tmp_path_factory.mktemp('work')) / 'toy-dogs'


def _arguments(work: Path, out: Path, *more: str, epochs: int = EPOCHS) -> list[str]:
    return ['--data', str(work), '--out', str(out / 'classify'), '--models', str(out / 'models/classify'), '--rows',
            'resnet18_64px@full', 'resnet18_64px@square', '--seeds', '0', *more, '--cfg-options',
            f'train_cfg.max_epochs={epochs}', 'train_cfg.val_interval=1']


def _trainings(process: subprocess.Popen) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children(recursive=True) if executors.__name__ in
            child.cmdline()]


@pytest.mark.mm
def test_a_cluster_makes_the_same_table_and_a_killed_worker_costs_its_run_since_the_last_checkpoint(
        work, scheduler, tmp_path, capfd):
    address, workers = scheduler
    for more in (['--only', '1'], []):  # one run alone, as a job of an array has it, then the rest and the table
        assert classify.main(_arguments(work, tmp_path / 'here', '--jobs', '1', *more)) == 0
        assert (tmp_path / 'here/classify').exists() == (more == [])
    assert (tmp_path / 'here/models/tested/resnet18_64px@square-seed0/test.json').exists()

    client = _start('-m', 'pipelines.classify', *_arguments(work, tmp_path / 'there', '--scheduler', address),
                    stderr=subprocess.DEVNULL)
    folder = tmp_path / 'there/models/classify'
    _until(lambda: list(folder.glob('.*.staging/logs/last_checkpoint')), client)
    run = next(folder.glob('.*.staging/logs/last_checkpoint')).parents[1]
    holder = next(worker for worker in workers for child in _trainings(worker) if any(
        str(run) in file.path for file in child.open_files()))
    trainings = _trainings(holder)
    holder.kill()
    _until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in trainings),
           client, 30)
    assert client.wait(400) == 0
    here, there = ((tmp_path / name / 'classify/table.json').read_text() for name in ('here', 'there'))
    assert here == there and len(json.loads(here)['rows']) == 2
    log = max((folder / run.name[1:-len('.staging')]).rglob('*.log'), key=lambda path: path.stat().st_mtime)
    assert 'resumed epoch: ' in log.read_text()
    assert manifest.load(folder / 'resnet18_64px@full-seed0')['made'][0]['threads'] == 1


@pytest.mark.mm
def test_trainings_end_with_the_command_that_wanted_them(work, scheduler, tmp_path):
    address, workers = scheduler
    client = _start('-m', 'pipelines.classify', *_arguments(work, tmp_path, '--scheduler', address, epochs=200),
                    stderr=subprocess.DEVNULL)
    alive = workers[-1] if workers[0].poll() is not None else workers[0]
    _until(lambda: _trainings(alive), client)
    client.kill()
    client.wait()
    _until(lambda: not _trainings(alive), alive)
    assert not (tmp_path / 'classify').exists()


def test_an_unreachable_scheduler_and_a_wrong_number_are_said_in_words(work, tmp_path, capsys):
    assert classify.main(_arguments(work, tmp_path, '--only', '2')) == 2
    assert '--only: expected a number below 2, the number of runs, found 2' in capsys.readouterr().err
    assert classify.main(_arguments(work, tmp_path, '--list')) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ['resnet18_64px@full seed 0', 'resnet18_64px@square seed 0']
    with pytest.raises(InputError, match='--scheduler: expected the address of a Dask scheduler'):
        with shards.client('nonsense'):
            pass


@pytest.mark.parametrize(('gpus', 'devices', 'found'), [
    ([1, 1], ['0', '1'], None), ([0, 0], [None, None], None), ([1, 0], ['0', '0'], None),
    ([2, 1], ['0', '1'], 'expected workers with one GPU each, found GPU=2 at tcp://a:1'),
    ([1, 1], ['0', '0'], 'expected another CUDA_VISIBLE_DEVICES for each worker of a machine, found 0 at tcp://a:1')])
def test_two_trainings_never_share_a_gpu(gpus, devices, found):
    class Client:
        def wait_for_workers(self, number: int, timeout: float) -> None:
            assert number == 1

        def scheduler_info(self) -> dict:
            return dict(workers={f'tcp://a:{i}': dict(host='a', nthreads=1, resources=dict(GPU=number))
                                 for i, number in enumerate(gpus, 1)})

        def run(self, fn: Callable, name: str, workers: list[str]) -> dict:
            return {worker: devices[int(worker[-1]) - 1] for worker in workers}

    if found:
        with pytest.raises(InputError, match=found):
            executors._workers(Client(), 'tcp://s')
    else:
        assert len(executors._workers(Client(), 'tcp://s')) == 2


def test_a_slurm_array_has_a_job_for_each_run_and_the_table_waits_for_them(tmp_path):
    """sbatch of a machine without Slurm: it notes what it is told, and does a job's command."""
    sbatch = tmp_path / 'sbatch'
    sbatch.write_text(f'#!/usr/bin/env bash\nprintf "%s\\n" "$@" > {tmp_path}/job$(ls {tmp_path} | grep -c ^job)\n'
                      'echo 41\n')
    sbatch.chmod(0o755)
    done = subprocess.run([ROOT / 'tools/slurm_classify.sh', 'gpu', 'work dirs/x', '--rows', 'resnet50@full',
                           'resnet50@square', '--seeds', '0', '1', '2'], capture_output=True, text=True, env={
                               **os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'VIRTUAL_ENV': sys.prefix,
                               'AT_ONCE': '4', 'SBATCH_ARGS': '--time 10'})
    assert done.returncode == 0, done.stderr
    assert done.stdout == '6 runs: job 41; then work dirs/x/classify/table.txt: job 41\n'
    array, table = ((tmp_path / f'job{i}').read_text().splitlines() for i in (0, 1))
    assert array[:9] == ['--parsable', '--partition', 'gpu', '--time', '10', '--gres', 'gpu:1', '--array', '0-5%4']
    assert array[-1].endswith('--seeds 0 1 2 --only $SLURM_ARRAY_TASK_ID') and r'--data work\ dirs/x' in array[-1]
    assert table[table.index('--dependency') + 1] == 'afterok:41' and '--gres' not in table
    listed = subprocess.run(table[-1].replace('--jobs 1', '--list'), shell=True, capture_output=True, text=True,
                            cwd=ROOT)
    assert listed.stdout.splitlines()[5] == 'resnet50@square seed 2'
