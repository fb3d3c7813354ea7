"""tools/serve.py under load: many clients at once, and what becomes of answers, memory and its end.

    python -m tools.bench.serving --bundle work_dirs/cub/bundle/efficientnet-lite0@square --images photographs

Every client asks, and after a 503 waits as it is told to. Printed: answers by status, requests that got none, seconds
of those that were served, the server's memory after a tenth of the requests and after all, and how long it took to end
on SIGTERM while it was asked.
"""
from __future__ import annotations

import argparse
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipelines.core import sources
from pipelines.core.errors import InputError, command

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Load:
    """What was measured.

    Args:
        statuses: answers by HTTP status.
        failed: requests without an answer, by what was said of them.
        seconds: of those that were served.
        memory_mb: of the server, after a tenth of the requests and after all.
        ended: seconds from SIGTERM to the end of the process.
    """
    statuses: Counter[int] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    ended: float = 0.


def started(bundle: Path, *options: str) -> tuple[subprocess.Popen[str], int]:
    """A server, and its port.

    Raises:
        InputError: it does not start.
    """
    server = subprocess.Popen([sys.executable, '-m', 'tools.serve', '--bundle', str(bundle), '--port', '0', *options],
                              stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stdout
    for line in server.stdout:
        if found := re.search(r'\[serve\] http://[\d.]+:(\d+)/', line):
            return server, int(found[1])
    raise InputError(bundle, expected='a server that starts', found=f'status {server.wait()}', remedy='see above')


def ask(port: int, data: bytes, path: str = '/predict') -> tuple[int, bytes, float]:
    """Status, body, and the seconds that a 503 says to wait."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=120)
    try:
        connection.request('POST', path, data)
        answer = connection.getresponse()
        return answer.status, answer.read(), float(answer.getheader('Retry-After') or 0)
    finally:
        connection.close()


def measure(bundle: Path, pictures: Sequence[bytes], requests: int, clients: int, options: Sequence[str] = ()) -> Load:
    """Ask a server of its own so many times, then end it while clients go on."""
    load, lock = Load(), threading.Lock()
    server, port = started(bundle, *options)
    process = psutil.Process(server.pid)
    asked, ending = iter(range(requests)), threading.Event()

    def client() -> None:
        while True:
            with lock:
                number = next(asked, None)
                if number is not None and number in (requests // 10, requests - 1):
                    load.memory_mb.append(process.memory_info().rss / 2 ** 20)
            if number is None and ending.is_set():
                return
            begun = time.monotonic()
            try:
                status, _, wait = ask(port, pictures[(number or 0) % len(pictures)])
            except (OSError, http.client.HTTPException) as error:
                if number is not None:
                    with lock:
                        load.failed[type(error).__name__] += 1
                continue
            if number is None:
                continue  # while it is told to end, answers do not count
            with lock:
                load.statuses[status] += 1
                if status == 200:
                    load.seconds.append(time.monotonic() - begun)
                done = load.statuses.total() + load.failed.total() == requests
            if done:
                finished.set()
            time.sleep(wait)

    finished = threading.Event()
    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    try:
        for thread in threads:
            thread.start()
        while not finished.wait(1) and load.statuses.total() + load.failed.total() < requests:
            assert server.poll() is None
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        load.ended = time.monotonic() - begun
    finally:
        ending.set()
        server.kill()
        server.wait()
    for thread in threads:
        thread.join(5)
    return load


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.bench.serving', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bundle', type=Path, required=True, help='what answers')
    parser.add_argument('--images', required=True, help='file, folder or list of photographs to ask about')
    parser.add_argument('--requests', type=int, default=2000, help='(default: 2000)')
    parser.add_argument('--clients', type=int, default=32, help='(default: 32)')
    args = parser.parse_args(argv)
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    pictures = [Path(one.path).read_bytes() for one in sources.find([args.images])[:200]]
    load = measure(args.bundle, pictures, args.requests, args.clients)
    ordered = sorted(load.seconds)
    print('answers: ' + ', '.join(f'{count} x {status}' for status, count in sorted(load.statuses.items()))
          + f'; without an answer: {dict(load.failed) or "none"}')
    print(f'seconds of those served: median {ordered[len(ordered) // 2]:.2f}, 95 % below '
          f'{ordered[int(0.95 * (len(ordered) - 1))]:.2f}')
    print(f'memory of the server: {load.memory_mb[0]:.0f} MB after a tenth, {load.memory_mb[-1]:.0f} MB at the end')
    print(f'SIGTERM to its end: {load.ended:.1f} s')


if __name__ == '__main__':
    sys.exit(main())
