"""CPUs by affinity and quota, numbers from the environment, children that die with their parent."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core import machine
from pipelines.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(('own', 'quotas', 'expected'), [
    ('0::/', {}, 12),
    ('0::/a/b', {'a/b/cpu.max': 'max 100000', 'a/cpu.max': '400000 100000'}, 4),
    ('0::/a/b', {'a/b/cpu.max': '250000 100000', 'a/cpu.max': '400000 100000'}, 2),
    ('0::/a', {'a/cpu.max': '50000 100000'}, 1),
    ('0::/a', {'a/cpu.max': '9900000 100000'}, 12),
    ('5:memory:/m\n4:cpu,cpuacct:/j', {'cpu/j/cpu.cfs_quota_us': '300000', 'cpu/j/cpu.cfs_period_us': '100000'}, 3),
    ('4:cpu,cpuacct:/j', {'cpu/j/cpu.cfs_quota_us': '-1', 'cpu/j/cpu.cfs_period_us': '100000'}, 12)])
def test_cpus_are_those_of_the_affinity_and_the_quota(tmp_path, monkeypatch, own, quotas, expected):
    for name, text in quotas.items():
        (tmp_path / 'fs' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'fs' / name).write_text(text + '\n')
    (tmp_path / 'own').write_text(own + '\n')
    monkeypatch.setattr(machine, '_CGROUPS', tmp_path / 'fs')
    monkeypatch.setattr(machine, '_OWN_CGROUP', tmp_path / 'own')
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(12)))
    assert machine.cpus() == expected


def test_a_machine_without_cgroups_counts_by_affinity(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, '_OWN_CGROUP', tmp_path / 'none')
    assert machine.cpus() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize('text', ['four', '0', '-1', '2.5', '\u0664'])
def test_odd_numbers_in_the_environment_are_named(monkeypatch, text):
    monkeypatch.setenv('FGIC_JOBS', text)
    with pytest.raises(InputError, match=f'variable FGIC_JOBS: expected a whole number, 1 or more, found {text}\n'):
        machine.number('FGIC_JOBS')


def test_numbers_in_the_environment(monkeypatch):
    for text, expected in (('8', 8), (' 8 ', 8), ('', 3)):
        monkeypatch.setenv('FGIC_JOBS', text)
        assert machine.number('FGIC_JOBS', 3) == expected
    monkeypatch.delenv('FGIC_JOBS')
    assert machine.number('FGIC_JOBS') is None


_PARENT = """
import functools, os, subprocess, sys, time
from pipelines.core import machine
child = subprocess.Popen(['sleep', '60'], preexec_fn=functools.partial(machine.die_with_parent, os.getpid()))
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_dies_with_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, '-c', _PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    child = int(parent.stdout.readline())
    assert running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while running(child):
        assert time.monotonic() < deadline, 'the child lives on'
        time.sleep(0.01)


def running(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_whose_parent_is_gone_already_ends():
    program = 'from pipelines.core import machine; machine.die_with_parent(1 << 30); print("lives on")'
    ended = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, '')


def test_the_peak_of_memory_is_the_process_own():
    """Its parent held 300 MB as it started it."""
    program = """
import subprocess, sys
own = b'a' * 300_000_000
said = 'from pipelines.core import machine; print(machine.peak_memory())'
print(subprocess.run([sys.executable, '-c', said], capture_output=True, text=True).stdout)
from pipelines.core import machine
print(machine.peak_memory())
"""
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT, check=True)
    child, parent = map(int, done.stdout.split())
    assert 5e6 < child < 100e6 and 300e6 < parent < 450e6
