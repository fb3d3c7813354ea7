"""What this process may use of the machine, and that it does not outlive the one that started it."""
from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import overload

from pipelines.core.errors import InputError

_CGROUPS, _OWN_CGROUP = Path('/sys/fs/cgroup'), Path('/proc/self/cgroup')
_PR_SET_PDEATHSIG = 1  # prctl(2)


def cpus() -> int:
    """CPUs that this process may use: its affinity, and the quota that a container or a batch system sets (cgroups).

    A function of the machine and the job, not of what else runs now.
    """
    return max(1, min([len(os.sched_getaffinity(0)), *_quotas()]))


def _quotas() -> list[int]:
    """Whole CPUs of every quota above this process, in cgroups v2 and v1; none where there is no limit."""
    found: list[int] = []
    try:
        rows = [line.split(':', 2) for line in _OWN_CGROUP.read_text().splitlines()]
    except OSError:
        return found
    for _, controllers, path in (row for row in rows if len(row) == 3):
        if controllers and 'cpu' not in controllers.split(','):
            continue
        root = _CGROUPS / 'cpu' if controllers else _CGROUPS
        own = root / path.strip('/')
        for folder in (own, *own.parents):
            if not folder.is_relative_to(root):
                break
            try:
                quota, period = ((folder / 'cpu.max').read_text().split() if not controllers else
                                 [(folder / f'cpu.cfs_{name}_us').read_text() for name in ('quota', 'period')])
                if quota != 'max' and int(quota) > 0:
                    found.append(max(1, int(quota) // int(period)))
            except (OSError, ValueError):
                continue
    return found


@overload
def number(name: str, default: int, *, low: int = 1) -> int: ...


@overload
def number(name: str, default: None = None, *, low: int = 1) -> int | None: ...


def number(name: str, default: int | None = None, *, low: int = 1) -> int | None:
    """A whole number from the environment; ``default`` where the variable is not set, or empty.

    Raises:
        InputError: anything else, as a word.
    """
    text = os.environ.get(name, '').strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < low:
        raise InputError(f'the environment variable {name}', expected=f'a whole number, {low} or more', found=text,
                         remedy=f'unset {name}, or give it such a number')
    return int(text)


def die_with_parent(parent: int | None = None) -> None:
    """In a child process: be killed when its parent ends, however that ends, to hold no lock and no GPU after it.

    Args:
        parent: its process id; where it is gone already, this process ends now. None: it is not checked.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def peak_memory() -> int:
    """The most bytes that this process held in memory so far. ``ru_maxrss`` has its parent's at the start in it."""
    status = Path('/proc/self/status')
    if status.exists():
        return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith('VmHWM'))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)
