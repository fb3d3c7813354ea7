"""Commands as a user's shell starts them, from outside: their words in a file, and no process of theirs left behind."""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from tools.faults.row import Broken

ROOT = Path(__file__).resolve().parents[2]
_TICK = 0.001  # seconds


class Running:
    """A command in a process group of its own; what is left of the group is killed at the end of the block.

    Args:
        command: its words.
        log: gets stdout and stderr.
    """

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self.log, self.started = log, time.monotonic()
        with log.open('w') as stream:
            self._process = subprocess.Popen(
                list(map(str, command)), cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'})

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # The leader is not yet reaped, so no other process can have its number.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def status(self) -> int | None:
        """The exit status, minus the signal's number where one killed it; None while it runs."""
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def ended_before(self, event: Callable[[float], bool]) -> bool:
        """Wait for an event, which is asked with the seconds since the start; whether the command ended first."""
        while not event(time.monotonic() - self.started):
            if self.status() is not None:
                return True
            time.sleep(_TICK)
        return self.status() is not None

    def kill(self, *, group: bool) -> bool:
        """SIGKILL to it and all its children, or to it alone, as the kernel does when memory runs out.

        Returns:
            whether it was still running.
        """
        (os.killpg if group else os.kill)(self._process.pid, signal.SIGKILL)
        while (status := self.status()) is None:
            time.sleep(_TICK)
        return status == -signal.SIGKILL

    def left(self, patience: float = 20) -> list[str]:
        """The commands of its processes that go on after its end, for longer than a pool needs to see that.

        Args:
            patience: seconds; torch's loader workers look for their parent every five.
        """
        while True:
            found = []
            for group, place in _groups():
                with contextlib.suppress(OSError):
                    if group == self._process.pid and (words := (place / 'cmdline').read_bytes()):
                        found.append(words.replace(b'\0', b' ').decode()[:200])
            if not found or (patience := patience - 0.1) < 0:
                return found
            time.sleep(0.1)

    def finish(self, limit: float = 600) -> tuple[int, str]:
        """Wait for the end; the exit status and all it said.

        Raises:
            Broken: it is not over after ``limit`` seconds.
        """
        if not self.ended_before(lambda age: self.status() is not None or age > limit):
            raise Broken(f'{self.log.name}: still running after {limit:.0f} s')
        return int(self.status() or 0), self.log.read_text(errors='replace')


def _groups() -> Iterator[tuple[int, Path]]:
    """The process group and the place in /proc of every process that runs, zombies left out."""
    for path in Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            state, _, group, *_ = path.read_text().rpartition(')')[2].split()
            if state != 'Z':
                yield int(group), path.parent


def run(command: Sequence[str | Path], log: Path, *, limit: float = 600) -> tuple[int, str]:
    """Run a command to its end; its exit status and all it said."""
    with Running(command, log) as running:
        return running.finish(limit)


def succeed(command: Sequence[str | Path], log: Path, *, limit: float = 600) -> str:
    """Run a command that must not fail; all it said.

    Raises:
        Broken: it did.
    """
    status, text = run(command, log, limit=limit)
    if status:
        raise Broken(f'{log.name}: exit status {status}: {last_line(text)}')
    return text


def last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), 'no output')[:300]
