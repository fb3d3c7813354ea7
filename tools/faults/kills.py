"""SIGKILL at a random moment of a stage, over the whole of its time; then the same command again."""
from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.core.manifest import NAME
from tools.faults.chain import STAGES, Snapshot, Stage, chain, differences, snapshot
from tools.faults.processes import Running, succeed
from tools.faults.row import Broken, Injector


def prepare(name: str, toy: str, work: Path) -> Injector:
    """Kill one stage: in an empty folder, over an earlier result, or over what a killed run of another command left.

    Args:
        name: of `STAGES`.
        toy: arguments of ``data_converters.toy``: how much there is to do.
        work: gets the undisturbed runs.
    """
    stage, undisturbed = STAGES[name], chain(work, toy, name)
    shutil.rmtree(timed := work / 'timed' / name, ignore_errors=True)
    undisturbed.copy(name, timed)
    start = time.monotonic()
    succeed(stage.command(timed), work / f'{name}-timed.log')
    seconds = time.monotonic() - start
    if wrong := differences(snapshot(timed / stage.out), undisturbed.result(name)):
        raise Broken(f'two undisturbed runs differ: {wrong}')

    def inject(folder: Path, rng: random.Random) -> str:
        attempt = -1
        while True:
            attempt += 1
            data, group = folder / f'data-{attempt}', rng.random() < 0.5
            found = rng.choice(('nothing', 'an earlier result', "another run's remains"))
            undisturbed.copy(name, data, earlier=found == 'an earlier result')
            if found == "another run's remains":
                with Running(stage.command(data, other=True), folder / f'other-{attempt}.log') as other:
                    other.ended_before(at(rng.uniform(0, seconds)))
            workers = rng.randint(1, 2)
            command = stage.command(data, *([stage.workers, str(workers)] if stage.workers else []))
            met = kill_and_rerun(stage, command, data, event=at(rng.uniform(0, seconds)), group=group, workers=workers,
                                 expected=undisturbed.result(name), logs=folder)
            if met:
                return met
            shutil.rmtree(data)

    return inject


def at(moment: float) -> Callable[[float], bool]:
    return lambda age: age >= moment


def kill_and_rerun(stage: Stage, command: list[str], data: Path, *, event: Callable[[float], bool], group: bool,
                   workers: int, expected: Snapshot, logs: Path) -> str | None:
    """Start a command, kill it, look at its result, and run it again.

    Args:
        stage: what the command runs.
        data: the dataset's folder.
        event: when to kill; asked with the seconds since the start.
        group: kill its children too; else they are orphans, while the command runs again.
        workers: processes of the command.
        expected: what an undisturbed run shows.
        logs: folder for what is said.
    Returns:
        what the kill met; None where the command was over before.
    Raises:
        Broken: something that is neither the earlier nor the whole new result was to be seen after the kill, or the
            rerun failed, did more than a shard per worker again, or gave other bytes.
    """
    out = data / stage.out
    staging, key = (out.with_name(f'.{out.name}.{kind}') for kind in ('staging', 'key'))
    before, old_key, old_staging = snapshot(out), _text(key), _identity(staging)
    with Running(command, logs / 'killed.log') as running:
        if running.ended_before(event) or not running.kill(group=group):
            return None
        seen, made, shards = snapshot(out), _made(staging), len(list(staging.glob('.shards/*.json')))
        if seen not in (None, before, expected):
            raise Broken(f'a partial result was visible after the kill: {differences(seen, expected)}')
        under_way = _identity(staging) not in (None, old_staging)
        resumable = _text(key) not in ('', old_key) and not (staging / NAME).exists()
        text = succeed(command, logs / 'rerun.log')
        if wrong := differences(snapshot(out), expected):
            raise Broken(f'the rerun ended with other bytes: {wrong}')
        if left := running.left():
            raise Broken(f'{len(left)} processes of the killed command go on: {left[0]}')
    if resumable and stage.shards:
        kept = re.search(r'goes on: (\d+) shards were done before', text)
        if shards != (int(kept[1]) if kept else 0):
            raise Broken(f'{shards} shards were done before the kill; the rerun says: {kept and kept[0]}')
    if resumable and stage.again is not None:
        again = sum(made[path] != state for path, state in _made(out).items() if path in made)
        if again > stage.again * workers:
            raise Broken(f'{again} of {len(made)} files that were there were made again by {workers} workers')
    if seen == expected:
        return 'after publishing'
    return 'while building' if under_way else 'before building'


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ''


def _identity(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_ctime_ns) if path.exists() else None


def _made(folder: Path) -> dict[str, tuple[int, int]]:
    """The identity of every file in the subfolders of a result: its inode and time of writing."""
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in folder.glob('*/**/[!.]*') if path.is_file()}
