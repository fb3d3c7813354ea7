"""Fresh processes, timed in turn, and the table rows made of them."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.openmm.engine import threads

ROOT = Path(__file__).resolve().parents[2]
# glibc's malloc keeps freed pictures (375 KB and more) for the next one in place of giving them back to the system.
TUNED_MALLOC = dict(MALLOC_MMAP_THRESHOLD_=str(32 << 20), MALLOC_TRIM_THRESHOLD_=str(512 << 20))
MEMORY_LIMIT_MB = 500


@dataclass(frozen=True)
class Run:
    """One process that ended well.

    Args:
        seconds: from its start to its end.
        cpu_seconds: of itself and its descendants, for comparison: much less than ``seconds`` on a busy machine.
        peak_mb: the most memory held at once by it and its descendants, in 10^6 bytes; pages that several of them
            share are counted for each.
        words: what it printed.
    """
    seconds: float
    cpu_seconds: float
    peak_mb: float
    words: str

    @property
    def said(self) -> dict[str, Any]:
        """The JSON object that a process of `tools.bench.child` prints last."""
        return json.loads(self.words.splitlines()[-1])


@dataclass(frozen=True)
class Row:
    """A row of the final table. ``holds`` is None where nothing is asked, or nothing could be measured."""
    what: str
    asked: str
    measured: str
    holds: bool | None = None

    def __str__(self) -> str:
        verdict = {True: 'holds', False: 'missed', None: ''}[self.holds]
        return f'| {self.what} | {self.asked} | {self.measured} | {verdict} |'


@dataclass(frozen=True)
class Bench:
    """What all rows share: a scratch folder, where a disk is (None: the temporary folder), how often to repeat, whether
    small numbers will do, and whose images."""
    work: Path
    disk: Path | None
    rounds: int
    quick: bool
    images: Path | None
    images_at_scale: int
    rows_at_scale: int


def warn_if_busy() -> None:
    """Say so where other processes use the CPUs that are measured on."""
    allowed, free = len(os.sched_getaffinity(0)), threads.free_cpus(1.0)
    if free < allowed:
        print(f'warning: {allowed - free} of {allowed} CPUs are busy; the figures will not be sound', flush=True)
    if allowed < 2:
        print('warning: one CPU: figures for two workers will show no gain', flush=True)


def _resident_mb(root: int) -> float:
    """Memory that a process and its descendants hold now."""
    pages, stack = 0, [root]
    while stack:
        process = Path(f'/proc/{stack.pop()}')
        try:
            pages += int((process / 'statm').read_text().split()[1])
            for task in (process / 'task').iterdir():
                stack += map(int, (task / 'children').read_text().split())
        except OSError:  # it ended meanwhile
            continue
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


@contextlib.contextmanager
def _pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Processes started in here stay on these CPUs. (A preexec_fn would fork this process, and its memory count.)"""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(module: str, *arguments: object, cpus: int = 1, environment: Mapping[str, str] | None = None) -> Run:
    """``python -m module arguments`` in a fresh process on the first ``cpus`` CPUs that this one may use.

    Args:
        environment: on top of this process's, from which variables of malloc and OpenMP are left out.
    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(('MALLOC_', 'OMP_', 'GOMP_'))}
    inherited |= {'PYTHONPATH': str(ROOT), **(environment or {})}
    allowed = sorted(os.sched_getaffinity(0))[:cpus]
    peak, ended = 0., threading.Event()

    def watch(pid: int) -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, _resident_mb(pid))

    with tempfile.TemporaryFile('w+') as words, tempfile.TemporaryFile('w+') as errors:
        start = time.perf_counter()
        with _pinned(allowed):
            process = subprocess.Popen([sys.executable, '-m', module, *map(str, arguments)], stdout=words,
                                       stderr=errors, env=inherited, cwd=ROOT)
        watcher = threading.Thread(target=watch, args=(process.pid,))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watcher.join()
        words.seek(0), errors.seek(0)
        if process.returncode:
            raise RuntimeError(f'python -m {module} {" ".join(map(str, arguments))}: status {process.returncode}\n'
                               f'{errors.read()[-2000:]}')
        return Run(seconds, usage.ru_utime + usage.ru_stime, peak, words.read())


def stage(module: str, out: Path, *arguments: object, cpus: int = 1) -> Run:
    """`run` a stage of the pipeline, after removing its result and what lies hidden beside that."""
    for path in [out, *out.parent.glob(f'.{out.name}.*')]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return run(module, *arguments, '--out', out, cpus=cpus)


def alternate(candidates: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Run candidates in turn, round by round, so that a slow spell of the machine meets all of them."""
    found: dict[str, list[Run]] = {name: [] for name in candidates}
    for number in range(rounds):
        for name, candidate in candidates.items():
            found[name].append(last := candidate())
            print(f'  {number + 1}/{rounds} {name}: {last.seconds:.2f} s ({last.cpu_seconds:.2f} s of CPU)', flush=True)
    return found


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratio(other: Sequence[float], own: Sequence[float]) -> tuple[float, str]:
    """How many times ``other`` takes as long as ``own``: the ratio of medians, and that in words."""
    value, each = median(other) / median(own), [b / a for a, b in zip(own, other)]
    spread = f' ({min(each):.2f} to {max(each):.2f} in {len(each)} rounds)' if len(each) > 1 else ' (one round)'
    return value, f'{value:.2f}x{spread}'


def faster(what: str, factor: float, own: Sequence[float], other: Sequence[float], note: str = '') -> Row:
    """A row that asks for a ratio."""
    value, words = ratio(other, own)
    return Row(what, f'{factor:g}x', words + (f', {note}' if note else ''), value >= factor)


def within(what: str, seconds: float, own: Sequence[float], note: str = '') -> Row:
    """A row that asks for a time."""
    measured = f'{median(own):.2f} s (median of {len(own)})' + (f', {note}' if note else '')
    return Row(what, f'{seconds:g} s', measured, median(own) <= seconds)
