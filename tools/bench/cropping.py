"""Crop, both modes, against the naive Pillow loop, and two workers against one."""
from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

from PIL import Image, JpegImagePlugin

from pipelines.core import coco, lineage
from tools.bench import drawing, measure
from tools.bench.converting import DOGS
from tools.bench.measure import Bench, Row, Run


def crop(convert: Path, out: Path, *arguments: object, workers: int = 1) -> Run:
    """Run the stage from nothing, on as many CPUs as it has workers."""
    return measure.stage('pipelines.crop', out, '--coco', convert, '--boxes', 'gt', '--workers', workers, *arguments,
                         cpus=workers)


def naive_jobs(crops: Path, folder: Path) -> list[dict]:
    """The rows that `child.naive_crop` cuts into ``folder``: what the images of a finished crop folder are."""
    jobs: list[dict] = []
    for split in coco.SPLITS:
        rows = {kind: lineage.read_list(crops / f'{kind}_{split}.json')[1] for kind in ('full', 'box', 'square')}
        for full, *cuts in zip(*rows.values()):
            for cut in cuts:
                with Image.open(crops / cut['img_path']) as image:
                    size, subsampling = image.size, JpegImagePlugin.get_sampling(image)
                jobs.append(dict(source=str(crops / full['img_path']), crop=cut['crop'], size=size,
                                 subsampling=subsampling, out=str(folder / f'{len(jobs)}.jpg')))
    return jobs


def naive(jobs: Path, folder: Path, **environment: str) -> Run:
    """Run the loop from nothing, on one CPU."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return measure.run('tools.bench.child', 'naive-crop', jobs, environment=environment)


def rows(bench: Bench) -> list[Row]:
    work, count = bench.work / 'cropping', 200 if bench.quick else DOGS
    work.mkdir()
    files = drawing.pool(work / 'pool', width=500, height=375, source=bench.images)
    raw, convert = drawing.birds(work / 'raw', files, count), work / 'convert'
    measure.stage('data_converters.convert', convert, '--dataset', 'cub', '--raw', raw)
    crop(convert, work / 'crop')
    jobs = work / 'jobs.json'
    jobs.write_text(json.dumps(naive_jobs(work / 'crop', work / 'naive')))
    found = measure.alternate({
        'crop, one worker': partial(crop, convert, work / 'crop'),
        'crop, two workers': partial(crop, convert, work / 'crop', workers=2),
        'naive loop': partial(naive, jobs, work / 'naive'),
        'naive loop, allocator tuned': partial(naive, jobs, work / 'naive', **measure.TUNED_MALLOC)}, bench.rounds)
    own, two, fresh, tuned = ([run.seconds for run in runs] for runs in found.values())
    rate = f'{count / measure.median(own):,.0f} images/s'
    return [measure.faster('crop, both modes, one core, against the naive loop in a fresh process', 2.5, own, fresh,
                           rate),
            measure.faster('the same, the loop\'s allocator tuned', 1.6, own, tuned),
            measure.faster('crop, 2 workers against 1', 1.85, two, own)]
