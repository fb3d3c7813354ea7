"""How long the parts of a stage took: ``.crop.seconds.json`` beside ``crop/``, which is no part of the result.

    {"total": 312.4, "step": 251.0, "loading": 3.2, ..., "counts": {"iterations": 2400, "val images": 720}}

Seconds are those of a clock on the wall, added up over all attempts. Manifests have no times: the same inputs give the
same bytes. `tools.profile` prints what is here, `tools.plan` corrects its measurements by it.
"""
from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.core import json_files

TOTAL = 'total'
SIDE = 'seconds.json'


def path(folder: Path) -> Path:
    """Where a folder's seconds are: of a result ``crop/`` in ``.crop.seconds.json``, of ``.crop.staging/``, a build
    under way, in ``.crop.staging.json``."""
    return folder.with_name(f'{folder.name}.json' if folder.name.startswith('.') else f'.{folder.name}.{SIDE}')


def publish(staging: Path, out: Path) -> None:
    """A build's seconds become its result's."""
    with contextlib.suppress(FileNotFoundError):
        path(staging).replace(path(out))


def read(folder: Path) -> dict[str, Any]:
    """What is known of a result's folder; empty where nothing is."""
    try:
        content = json_files.read(path(folder))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def add(folder: Path, seconds: Mapping[str, float], counts: Mapping[str, int] | None = None, **facts: Any) -> None:
    """Add to what is recorded of a folder.

    Args:
        seconds: by part.
        counts: of what was done in them.
        facts: replaced, not added: what they were measured with.
    """
    content = read(folder)
    for name, value in seconds.items():
        content[name] = round(content.get(name, 0) + value, 3)
    if counts:
        known = content.get('counts', {})
        content['counts'] = {**known, **{name: known.get(name, 0) + number for name, number in counts.items()}}
    json_files.write(path(folder), {**content, **facts})


@contextlib.contextmanager
def part(folder: Path, name: str, **counts: int) -> Iterator[None]:
    """What is done in here is one part of a folder's work; it counts when it fails, too."""
    start = time.monotonic()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # of a full disk speaks whoever has something to lose
            add(folder, {name: time.monotonic() - start}, counts)
