"""A full disk: a stage on a small file system of its own, filled up so that its output does not fit.

Each injection is a process in a mount namespace of its own with a tmpfs (`unshare --mount`: no root needed), in which
the stage runs, fails, gets room and runs again.
"""
from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.faults.chain import STAGES, Snapshot, chain, differences, snapshot
from tools.faults.processes import ROOT, last_line, run, succeed
from tools.faults.row import Broken, Injector

_NAMES = ('convert', 'train', 'detect', 'crop', 'synth')
_SIZE = 1 << 30
_UNSHARE = ('unshare', '--map-root-user', '--mount')


def prepare(toy: str, work: Path) -> Injector:
    """Fill the disk at a random point of a stage's output.

    Args:
        toy: arguments of ``data_converters.toy``.
        work: gets the undisturbed runs.
    Raises:
        Broken: this machine lets nobody mount.
    """
    (place := work / 'mount').mkdir(exist_ok=True)
    tried = subprocess.run([*_UNSHARE, 'mount', '-t', 'tmpfs', 'none', place], capture_output=True, text=True)
    if tried.returncode:
        raise Broken(f'this machine lets nobody mount a tmpfs, so no disk can be filled: {tried.stderr.strip()}')
    undisturbed = chain(work, toy, *_NAMES)

    def inject(folder: Path, rng: random.Random) -> str:
        name = _NAMES[int(folder.name) % len(_NAMES)]
        task = folder / 'task.json'
        task.write_text(json.dumps(dict(
            name=name, free=int(rng.random() * space(undisturbed.base / STAGES[name].out)),
            expected=undisturbed.result(name))))
        (folder / 'disk').mkdir()
        undisturbed.copy(name, folder / 'data', earlier=True)
        status, text = run([*_UNSHARE, sys.executable, '-m', 'tools.faults.disk', folder], folder / 'session.log')
        if status:
            raise Broken(last_line(text))
        return name

    return inject


def space(folder: Path) -> int:
    """Bytes that a folder takes on a tmpfs: whole pages."""
    page = os.sysconf('SC_PAGESIZE')
    return sum(-(-path.lstat().st_size // page) * page for path in folder.rglob('*') if path.is_file())


def fill(folder: Path, free: int) -> Path:
    """Leave so many bytes free; the file that takes the rest."""
    ballast, stat = folder / 'ballast', os.statvfs(folder)
    with ballast.open('wb') as stream:
        os.posix_fallocate(stream.fileno(), 0, stat.f_bavail * stat.f_frsize - free)
    return ballast


def run_on_a_full_disk(data: Path, name: str, *, free: int, expected: Snapshot, logs: Path) -> None:
    """Fail for want of space, and then not.

    Args:
        data: a dataset's folder on a file system of its own.
        name: of `STAGES`.
        free: bytes that there is room for.
        expected: what an undisturbed run shows.
        logs: folder, on another file system, for what is said.
    Raises:
        Broken: no error, not one line of error, the earlier result touched, or the rerun failed or gave other bytes.
    """
    stage = STAGES[name]
    command, out = stage.command(data), data / stage.out
    before = snapshot(out)
    ballast = fill(data.parent, free)
    status, text = run(command, logs / 'full.log')
    lines = [line for line in re.split(r'[\r\n]', text) if line.startswith('error: ')]
    if status == 0:
        raise Broken(f'{name} ended with status 0 on a full disk')
    if 'Traceback' in text or len(lines) != 1 or 'No space left' not in lines[0]:
        raise Broken(f'{name}: not one clear line: {lines or last_line(text)}')
    if (seen := snapshot(out)) not in (before, expected):
        raise Broken(f'{name}: the earlier result was touched: {differences(seen or {}, before or {})}')
    ballast.unlink()
    succeed(command, logs / 'rerun.log')
    if wrong := differences(snapshot(out), expected):
        raise Broken(f'{name}: the rerun ended with other bytes: {wrong}')


def main(folder: Path) -> None:
    """One injection, inside the mount namespace that `prepare` starts it in."""
    task, disk = json.loads((folder / 'task.json').read_text()), folder / 'disk'
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={_SIZE}', 'none', disk], check=True)
    shutil.copytree(folder / 'data', disk / 'data', symlinks=True)
    try:
        run_on_a_full_disk(disk / 'data', **task, logs=folder)
    except Broken as error:
        shutil.copytree(disk, folder / 'disk-as-it-was', symlinks=True, ignore=shutil.ignore_patterns('ballast'))
        sys.exit(str(error))


if __name__ == '__main__':
    main(ROOT / sys.argv[1])
