"""CPU threads: the user's number, else a function of the machine. Call `set_threads` before torch is imported.

The number decides the last bits of what a CPU computes, and a training makes points of them. So it does not follow the
moment's load: the same command on the same machine gives the same numbers.
"""
from __future__ import annotations

import os
import time
from pathlib import Path

from pipelines.core import machine
from pipelines.core.errors import InputError


def asked() -> int | None:
    """The user's OMP_NUM_THREADS; of a list, as OpenMP allows for nested regions, the first; None: not set.

    Raises:
        InputError: no number.
    """
    text = os.environ.get('OMP_NUM_THREADS', '').strip()
    if not text:
        return None
    first = text.split(',')[0].strip()
    if not (first.isascii() and first.isdigit()) or int(first) < 1:
        raise InputError('the environment variable OMP_NUM_THREADS', expected='a number of threads, 1 or more',
                         found=text, remedy='unset it (one thread for each CPU is taken then), or set such a number')
    return int(first)


def spin_briefly() -> None:
    """Let threads that wait spin briefly, then sleep, unless the user says otherwise. It counts as torch is imported.

    Spinning on busy cores and sleeping at once on idle ones are both slow: docs/benchmarks.md, "Threads".
    """
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '20000')


def set_threads(processes: int | None = None) -> int:
    """Set OMP_NUM_THREADS, unless the user has, and `spin_briefly`.

    Args:
        processes: that compute at the same time on this machine, and share its CPUs; None: torchrun's number, else one.
    Returns:
        the threads of each.
    """
    processes = processes or machine.number('LOCAL_WORLD_SIZE', 1)
    spin_briefly()
    number = asked() or max(1, machine.cpus() // processes)
    os.environ['OMP_NUM_THREADS'] = str(number)
    return number


def free_cpus(seconds: float = 0.3) -> int:
    """CPUs this process may use, less those that others keep busy now; at least 1. For measurements and the doctor."""
    allowed = machine.cpus()

    def idle() -> float:
        fields = Path('/proc/stat').read_text().split('\n', 1)[0].split()
        return (int(fields[4]) + int(fields[5])) / os.sysconf('SC_CLK_TCK')

    try:
        start, began = idle(), time.monotonic()
        time.sleep(seconds)
        free = (idle() - start) / (time.monotonic() - began)
    except OSError:
        return allowed
    return max(1, min(allowed, round(free)))
