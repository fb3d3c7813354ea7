"""What several runs of the training bench can share: the machine's limits, and drawn pictures."""
from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from pipelines.core import files
from tools.bench import measure, train_sides


def limits(environment: dict[str, str], keep: Path | None = None) -> dict[str, Any]:
    """The device and its limits: measured, or as they were in ``keep`` on the same machine."""
    kept = keep and keep / f'limits-{platform.node()}-{environment["OMP_NUM_THREADS"]}.json'
    if kept and kept.is_file():
        return json.loads(kept.read_text())
    said = measure.run('tools.bench.train_child', 'limits', environment=environment,
                       cpus=len(os.sched_getaffinity(0))).said
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(kept) as stream:
            json.dump(said, stream)
    return said


def pictures(folder: Path, count: int, size: int) -> Path:
    """A folder with drawn pictures: drawn below ``folder``, or those that were drawn there before."""
    whole = folder.absolute() / f'pictures-{count}-{size}'
    if not (drawn := whole / 'drawn').exists():
        print('drawing pictures', flush=True)
        shutil.rmtree(whole, ignore_errors=True)  # links in it are absolute: it cannot be made elsewhere and renamed
        whole.mkdir(parents=True)
        train_sides.draw(whole, count, size)
        drawn.touch()
    return whole
