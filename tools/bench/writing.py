"""Writing sampled images, against Pillow's default PNG."""
from __future__ import annotations

from functools import partial

from tools.bench import measure
from tools.bench.measure import Bench, Row

ENCODERS = {'ours-png': 1000, 'ours-jpeg': 2000, 'pillow-png': 60}  # how many pictures to encode in a round


def rows(bench: Bench) -> list[Row]:
    found = measure.alternate({
        name: partial(measure.run, 'tools.bench.child', 'encode', name, count // 10 if bench.quick else count)
        for name, count in ENCODERS.items()}, bench.rounds)
    said = {name: [run.said for run in runs] for name, runs in found.items()}
    seconds = {name: [row['seconds'] for row in rows] for name, rows in said.items()}
    per_image = {name: rows[0]['bytes'] / 1000 for name, rows in said.items()}

    def row(name: str, words: str) -> Row:
        rates = ' against '.join(f'{1 / measure.median(seconds[key]):,.0f} images/s of {per_image[key]:.0f} kB'
                                 for key in (name, 'pillow-png'))
        return measure.faster(f'sampling: writing {words} at 256 px, per core, against Pillow\'s default PNG', 20,
                              seconds[name], seconds['pillow-png'], rates)

    return [row('ours-png', 'PNG'), row('ours-jpeg', 'JPEG')]
