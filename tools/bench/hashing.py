"""Hashing photographs that are on the disk and not in memory, against reading one after the other."""
from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

from tools.bench import drawing, measure
from tools.bench.measure import Bench, Row

FILES = 10_000


def rows(bench: Bench) -> list[Row]:
    count = FILES // 10 if bench.quick else FILES
    with tempfile.TemporaryDirectory(prefix='bench-data-', dir=bench.disk) as folder:
        pool = drawing.pool(Path(folder) / 'pool', width=500, height=375, source=bench.images)
        photographs = Path(folder) / 'photographs'
        photographs.mkdir()
        for number in range(count):
            (photographs / f'{number:06}.jpg').write_bytes(pool[number % len(pool)].read_bytes())
        os.sync()  # only what is written can be put out of memory
        found = measure.alternate({f'hash, {name}': partial(measure.run, 'tools.bench.child', 'hash', name, photographs,
                                                            cpus=2) for name in ('ours', 'loop')}, bench.rounds)
    own, loop = ([run.said['seconds'] for run in runs] for runs in found.values())
    return [Row(f'hashing {count:,} photographs from the disk, two CPUs, against one after the other', '',
                f'{measure.ratio(loop, own)[1]}, {count / measure.median(own):,.0f} files/s')]
