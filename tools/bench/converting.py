"""Convert: all of Stanford Dogs without images, and both datasets with images against the obvious script."""
from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path

from tools.bench import drawing, measure
from tools.bench.measure import Bench, Row, Run

DOGS, BIRDS = 20_580, 11_788
OFFICIAL = measure.ROOT.parent / 'shared' / 'data' / 'full_annotations'


def convert(dataset: str, raw: Path, out: Path, *arguments: object, cpus: int = 1) -> Run:
    """Run the stage from nothing, with a worker per CPU."""
    return measure.stage('data_converters.convert', out, '--dataset', dataset, '--raw', raw, *arguments, cpus=cpus)


def _annotation(bench: Bench, work: Path) -> tuple[Path, str]:
    """All XML files and lists of Stanford Dogs, and where they come from: the official ones, or as many generated."""
    archives = {part: OFFICIAL / f'stanford_dogs_{part}.tar.gz' for part in ('annotation', 'lists')}
    if bench.quick or not all(archive.is_file() for archive in archives.values()):
        count = DOGS // 10 if bench.quick else DOGS
        files = drawing.pool(work / 'tiny', width=64, height=48)
        return drawing.dogs(work / 'annotation', files, count), f'{count:,} generated files'
    raw = work / 'annotation'
    for part, archive in archives.items():
        with tarfile.open(archive) as content:
            content.extractall(raw / 'lists' if part == 'lists' else raw, filter='data')
    return raw, 'the official files'


def _against_the_script(dataset: str, raw: Path, work: Path, rounds: int) -> list[list[float]]:
    """Seconds of ours on one CPU, on two, and of the obvious script, by round."""
    found = measure.alternate({
        f'convert, {dataset}': partial(convert, dataset, raw, work / 'convert'),
        f'convert, {dataset}, two CPUs': partial(convert, dataset, raw, work / 'convert', cpus=2),
        'obvious script': partial(measure.run, 'tools.bench.child', 'naive-convert', dataset, raw,
                                  work / 'naive.json')}, rounds)
    return [[run.seconds for run in runs] for runs in found.values()]


def rows(bench: Bench) -> list[Row]:
    work = bench.work / 'converting'
    work.mkdir()
    raw, origin = _annotation(bench, work)
    alone = measure.alternate({'convert, dogs, annotation only': partial(
        convert, 'dogs', raw, work / 'convert', '--annotation-only')}, bench.rounds)
    result = [measure.within('convert Stanford Dogs, annotation-only, one core', 5,
                             [run.seconds for runs in alone.values() for run in runs], origin)]
    files = drawing.pool(work / 'pool', width=500, height=375, source=bench.images)
    for dataset, layout, count, name in (('dogs', drawing.dogs, 200 if bench.quick else DOGS, 'Stanford Dogs'),
                                         ('cub', drawing.birds, 500 if bench.quick else BIRDS, 'CUB')):
        own, two, other = _against_the_script(dataset, layout(work / dataset, files, count), work, min(bench.rounds, 3))
        result.append(measure.faster(f'convert {name} with images, one core, against the obvious script', 5, own, other,
                                     f'{count:,} images in {measure.median(own):.2f} s'))
        result.append(Row(f'the same as it runs by default on two CPUs, {name}', '', measure.ratio(other, two)[1]
                          + f', {measure.median(two):.2f} s'))
    return result
