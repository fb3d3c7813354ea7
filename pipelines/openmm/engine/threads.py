"""CPU threads from what is free. Call `set_threads` before torch is imported."""
from __future__ import annotations

import os
import time
from pathlib import Path


def free_cpus(seconds: float = 0.3) -> int:
    """CPUs this process may use, less those that others keep busy now; at least 1."""
    allowed = len(os.sched_getaffinity(0))

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


def set_threads() -> int:
    """Set OMP_NUM_THREADS, unless the user has, and let threads that wait spin briefly, then sleep.

    Spinning on busy cores and sleeping at once on idle ones are both slow: docs/benchmarks.md, "Threads".
    """
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '20000')
    if 'OMP_NUM_THREADS' not in os.environ:
        os.environ['OMP_NUM_THREADS'] = str(free_cpus())
    return int(os.environ['OMP_NUM_THREADS'])
