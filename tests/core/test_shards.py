from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core import shards
from pipelines.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def squares(numbers: list[int], log: Path) -> list[int]:
    (log / f'{numbers[0]}-{time.monotonic_ns()}').touch()
    if 13 in numbers and (log / 'unlucky').exists():
        raise InputError('13', expected='luck', found='none', remedy='remove the file')
    if 13 in numbers and (log / 'deadly').exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return [number ** 2 for number in numbers]


def run(folder: Path, log: Path, workers: int = 1) -> list[int]:
    log.mkdir(exist_ok=True)
    done = shards.run(squares, iter(range(20)), (log,), folder, size=3, total=20, title='test',
                      engine=shards.Engine(workers))
    return [square for path in done for square in json.loads(path.read_text())]


@pytest.mark.parametrize('workers', [1, 2])
def test_results_come_in_order(tmp_path, workers):
    assert run(tmp_path / 'shards', tmp_path / 'log', workers) == [number ** 2 for number in range(20)]
    assert len(list((tmp_path / 'log').iterdir())) == 7


def test_a_new_shard_begins_where_the_key_changes(tmp_path):
    done = shards.run(squares, [1, 3, 5, 7, 2, 4, 9], (tmp_path,), tmp_path / 'shards', size=3, total=7, title='test',
                      apart=lambda number: number % 2, engine=shards.Engine(1))
    assert list(shards.results(done)) == [[1, 9, 25], [49], [4, 16], [81]]


def test_what_was_done_is_not_done_again(tmp_path, capsys):
    log = tmp_path / 'log'
    log.mkdir()
    (log / 'unlucky').touch()
    with pytest.raises(InputError, match='13: expected luck'):
        run(tmp_path / 'shards', log)
    (log / 'unlucky').unlink()
    assert run(tmp_path / 'shards', log) == [number ** 2 for number in range(20)]
    starts = [path.name.split('-')[0] for path in log.iterdir()]
    assert sorted(starts, key=int) == ['0', '3', '6', '9', '12', '12', '15', '18']
    assert 'goes on: 4 shards were done before' in capsys.readouterr().out


def test_a_killed_worker_is_named_and_the_next_run_goes_on(tmp_path):
    log = tmp_path / 'log'
    log.mkdir()
    (log / 'deadly').touch()
    with pytest.raises(InputError, match=r'--workers: expected worker processes that live, found one was killed'):
        run(tmp_path / 'shards', log, workers=2)
    (log / 'deadly').unlink()
    assert run(tmp_path / 'shards', log, workers=2) == [number ** 2 for number in range(20)]


def test_no_scheduler_is_named():
    with pytest.raises(InputError, match='--scheduler: expected the address of a Dask scheduler'):
        with shards.Engine(scheduler='nonsense').executor(1):
            pass


def _start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, '-m', *arguments], cwd=ROOT, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, env={**os.environ, 'PYTHONPATH': str(ROOT)})


@pytest.mark.mm
def test_a_dask_cluster_of_two_workers_one_of_them_killed(tmp_path, toy_dogs_raw):
    """Convert, then crop, on a real scheduler: the same bytes as from one process."""
    file = tmp_path / 'scheduler.json'
    processes = [_start('distributed.cli.dask_scheduler', '--scheduler-file', str(file), '--port', '0',
                        '--host', '127.0.0.1', '--no-dashboard')]
    try:
        while not file.exists():
            assert processes[0].poll() is None
            time.sleep(0.1)
        address = json.loads(file.read_text())['address']
        processes += [_start('distributed.cli.dask_worker', address, '--nthreads', '1', '--no-nanny', '--host',
                             '127.0.0.1', '--no-dashboard') for _ in range(2)]
        results = {}
        for name, engine in dict(one=['--workers', '1'], cluster=['--scheduler', address]).items():
            out = tmp_path / name
            subprocess.run([sys.executable, '-m', 'data_converters.convert', '--dataset', 'toy-dogs', '--raw',
                            str(toy_dogs_raw), '--out', str(out / 'convert'), *engine], cwd=ROOT, check=True)
            script = ('import sys; from pipelines import crop; crop._SHARD = 2; '
                      'sys.exit(crop.main(sys.argv[1:]))')
            cropping = subprocess.Popen([sys.executable, '-c', script, '--coco', str(out / 'convert'), '--out',
                                         str(out / 'crop'), '--boxes', 'gt', '--size', '2000', *engine], cwd=ROOT)
            if name == 'cluster':
                while not list(out.glob('.crop.staging/.shards/*.json')):
                    assert cropping.poll() is None, 'finished before the kill'
                    time.sleep(0.005)
                processes[1].kill()
                done = len(list(out.glob('.crop.staging/.shards/*.json')))
                assert done < 18
            assert cropping.wait(120) == 0
            results[name] = {path.relative_to(out).as_posix(): path.read_bytes()
                             for stage in ('convert', 'crop') for path in (out / stage).rglob('*')
                             if path.is_file() and 'images' not in path.parts and 'full' not in path.parts}
        assert processes[2].poll() is None
        assert results['one'] == results['cluster'] and len(results['one']) > 72
    finally:
        for process in processes:
            process.kill()
