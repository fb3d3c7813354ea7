"""Threads are a function of the machine and of what the user says; GPUs are those torch can use."""
from __future__ import annotations

import os

import pytest
import torch

from pipelines.core import machine
from pipelines.core.errors import InputError
from pipelines.openmm.engine import devices, threads


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ('OMP_NUM_THREADS', 'LOCAL_WORLD_SIZE', 'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'):
        monkeypatch.setenv(name, 'x')  # or it would not be put back
        monkeypatch.delenv(name)
    monkeypatch.setattr(machine, 'cpus', lambda: 8)


@pytest.mark.parametrize(('user', 'processes', 'expected'), [
    (None, None, 8), (None, 1, 8), (None, 2, 4), (None, 3, 2), (None, 20, 1), ('3', 1, 3), ('3', 8, 3), ('4,2', 1, 4)])
def test_the_threads_of_each_process(monkeypatch, user, processes, expected):
    if user:
        monkeypatch.setenv('OMP_NUM_THREADS', user)
    assert threads.set_threads(processes) == expected and os.environ['OMP_NUM_THREADS'] == str(expected)
    assert os.environ['GOMP_SPINCOUNT'] == '20000'


def test_the_load_of_the_moment_does_not_count(monkeypatch):
    monkeypatch.setattr(threads, 'free_cpus', lambda *_: 1)
    assert threads.set_threads() == 8


def test_processes_of_torchrun_share(monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    assert threads.set_threads() == 2


def test_no_number_of_threads_is_named(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', 'all')
    with pytest.raises(InputError, match='OMP_NUM_THREADS: expected a number of threads, 1 or more, found all'):
        threads.set_threads()


def gpus(monkeypatch, count: int, visible: str | None) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: count > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    if visible is not None:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)


@pytest.mark.parametrize(('count', 'visible', 'expected'), [
    (0, None, []), (0, '', []), (2, None, ['0', '1']), (1, '3', ['3']), (2, '5, GPU-1a', ['5', 'GPU-1a']),
    (1, '0,99', ['0'])])  # torch stops at the first that is not there
def test_gpus_are_those_that_torch_can_use(monkeypatch, count, visible, expected):
    gpus(monkeypatch, count, visible)
    assert devices.gpus() == expected


def test_more_processes_than_visible_gpus_are_refused(monkeypatch):
    gpus(monkeypatch, 1, '3')
    devices.check(1)
    with pytest.raises(InputError, match='GPUS: expected at most 1, the GPUs that torch can use here, found 8\n.*CUDA'):
        devices.check(8)


def test_a_driver_that_torch_cannot_use_is_not_taken_for_a_machine_without_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, '_DRIVERS', (str(tmp_path / 'nvidiactl'),))
    gpus(monkeypatch, 0, None)
    devices.check(1)
    (tmp_path / 'nvidiactl').touch()
    with pytest.raises(InputError, match='GPU: expected a GPU that torch can use, .*\n.*make DEVICE=cpu'):
        devices.check(1)
    gpus(monkeypatch, 0, '')
    devices.check(4)


def test_conditions_say_what_the_last_bits_depend_on(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '3')
    found = devices.conditions()
    assert set(found) == {'device', 'cpu', 'instructions', 'threads'}
    assert (found['device'], found['threads']) == ('CPU', 3) and found['cpu']
