"""A program with a limit: its words in a file, and the processes that it started ended with it."""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_GRACE = 5  # seconds between asking and killing


def run(line: Sequence[str], log: Path, *, limit: float, cwd: Path, environment: Mapping[str, str] | None = None
        ) -> int | None:
    """Run a program, in a session of its own.

    Args:
        line: the program and its arguments.
        log: gets what it prints, as it comes.
        limit: seconds; after them it and all it started are stopped.
    Returns:
        its exit status; None where it was stopped.
    """
    inherited = {**os.environ, 'PYTHONPATH': str(cwd), 'PYTHONUNBUFFERED': '1', **(environment or {})}
    with log.open('w') as stream:
        process = subprocess.Popen(line, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd,
                                   env=inherited, start_new_session=True)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen) -> None:
    """End what is left of a session: politely, then for sure."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
            end = time.monotonic() + _GRACE
            while number == signal.SIGTERM and time.monotonic() < end:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.1)
    process.wait()
