"""An input changes while a stage runs: no result is published as made of what it was not made of."""
from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tools.faults.chain import STAGES, Snapshot, chain, differences, snapshot
from tools.faults.changes import one_byte
from tools.faults.kills import at
from tools.faults.processes import Running, last_line, succeed
from tools.faults.row import Broken, Injector

_QUANTISATION = rb'\xff\xdb\x00\x43\x00.{3}'  # a coefficient of a JPEG's first table: pixels depend on it
_EDITS = {'convert': one_byte('raw/Annotation/*/*', rb'<xmin>\d+'),
          'crop': one_byte('raw/Images/*/*.jpg', _QUANTISATION)}
_WORDS = 'expected the same bytes while'


def prepare(toy: str, work: Path) -> Injector:
    """Change a coordinate while convert runs, or a picture while crop does.

    Args:
        toy: arguments of ``data_converters.toy``.
        work: gets the undisturbed runs.
    """
    undisturbed, times = chain(work, toy, *_EDITS), {}
    for name, stage in ((name, STAGES[name]) for name in _EDITS):
        shutil.rmtree(timed := work / 'timed-inputs' / name, ignore_errors=True)
        undisturbed.copy(name, timed)
        with Running(stage.command(timed), work / f'{name}-timed-inputs.log') as running:
            running.ended_before(building(timed / stage.out))
            before = time.monotonic() - running.started
            running.finish()
            times[name] = before, time.monotonic() - running.started - before

    def inject(folder: Path, rng: random.Random) -> str:
        name = list(_EDITS)[int(folder.name) % len(_EDITS)]
        stage, data, other = STAGES[name], folder / 'data', folder / 'other'
        undisturbed.copy(name, data)
        (data / 'raw').unlink()
        shutil.copytree(undisturbed.base / 'raw', data / 'raw')
        if (data / 'convert').exists():  # its link leads to the shared pictures
            (data / 'convert/images').unlink()
            (data / 'convert/images').symlink_to('../raw/Images')
        with Running(stage.command(data), folder / 'first.log') as running:
            before, building_for = times[name]
            if rng.random() < 0.2:
                running.ended_before(at(rng.uniform(0, before)))
            elif not running.ended_before(building(data / stage.out)):
                time.sleep(rng.uniform(0, building_for))
            _EDITS[name](data, rng)
            status, text = running.finish()
        first = snapshot(data / stage.out)
        shutil.copytree(data, other, symlinks=True, ignore=shutil.ignore_patterns(stage.out, '.*'))
        succeed(stage.command(other), folder / 'other.log')
        new, old = _without_places(snapshot(other / stage.out)), _without_places(undisturbed.result(name))
        if status and (_WORDS not in text or first is not None):
            raise Broken(f'{name}: exit status {status}, '
                         f'{"and a result" if first is not None else "for another reason"}: {last_line(text)}')
        if not status and _without_places(first) not in (new, old):
            raise Broken(f'{name}: a result of two states: {differences(_without_places(first), new)}')
        succeed(stage.command(data), folder / 'rerun.log')
        if wrong := differences(_without_places(snapshot(data / stage.out)), new):
            raise Broken(f'{name}: the rerun is not of the new state: {wrong}')
        return f'{name}: ' + ('not published' if status else
                              'of the earlier state' if _without_places(first) == old else 'of the new state')

    return inject


def building(out: Path) -> Callable[[float], bool]:
    """Whether the build of a result has begun."""
    return lambda age: out.with_name(f'.{out.name}.staging').exists()


def _without_places(seen: Snapshot | None) -> Snapshot:
    """A snapshot without the links, which lead into another folder each time."""
    return {path: content for path, content in (seen or {}).items() if not content.startswith('-> ')}
