"""COCO evaluation as detect does it, class-agnostic, against pycocotools."""
from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from tools.bench import measure
from tools.bench.measure import Bench, Row

IMAGES, DETECTIONS = 8580, 100  # Stanford Dogs' test split; the most that COCO's evaluation looks at


def write_case(folder: Path, count: int) -> tuple[Path, Path]:
    """Ground truth (1 or 2 animals of 120 breeds per image) and results: jittered boxes among random ones."""
    rng = np.random.default_rng(0)
    truth: dict[str, list] = dict(categories=[dict(id=i + 1, name=str(i), supercategory='dog') for i in range(120)],
                                  images=[], annotations=[])
    results = []
    for image_id in range(1, count + 1):
        animals = 1 + int(rng.random() < 0.07)
        label = int(rng.integers(120)) + 1
        truth['images'].append(dict(id=image_id, file_name=f'{image_id}.jpg', width=500, height=375, category_id=label))
        size = rng.uniform(20, 300, (DETECTIONS, 2))
        boxes = np.concatenate([rng.uniform(0, 1, (DETECTIONS, 2)) * ((500, 375) - size), size], axis=1).round(2)
        for animal in range(animals):
            truth['annotations'].append(dict(
                id=len(truth['annotations']) + 1, image_id=image_id, category_id=label, iscrowd=0,
                bbox=boxes[animal].tolist(), area=float(boxes[animal, 2] * boxes[animal, 3])))
        near = slice(0, 20)
        boxes[near] = (boxes[np.arange(20) % animals] + rng.normal(0, 8, (20, 4))).round(2)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
        scores = np.sort(rng.random(DETECTIONS).round(5))[::-1]
        results += [dict(image_id=image_id, category_id=1, bbox=box, score=score)
                    for box, score in zip(rng.permutation(boxes).tolist(), scores.tolist())]
    for name, content in (('truth.json', truth), ('results.json', results)):
        (folder / name).write_text(json.dumps(content))
    return folder / 'truth.json', folder / 'results.json'


def rows(bench: Bench) -> list[Row]:
    work, count = bench.work / 'evaluating', 300 if bench.quick else IMAGES
    work.mkdir()
    case = write_case(work, count)
    sides = {'ours, two CPUs': ('ours', 2), 'ours, one CPU': ('ours', 1), 'pycocotools': ('pycocotools', 2)}
    found = measure.alternate({name: partial(measure.run, 'tools.bench.child', 'evaluate', engine, *case, cpus=cpus)
                               for name, (engine, cpus) in sides.items()}, min(bench.rounds, 3))
    two, one, other = ([run.said for run in runs] for runs in found.values())

    def row(what: str, said: list[dict], asked: float | None) -> Row:
        seconds, reference = ([each['seconds'] for each in side] for side in (said, other))
        value, words = measure.ratio(reference, seconds)
        equal = sum(a == b for a, b in zip(said[0]['numbers'], other[0]['numbers'], strict=True))
        return Row(what, f'{asked}x, 12 numbers equal' if asked else '',
                   f'{words}, {equal} of 12 equal, {measure.median(seconds):.1f} s for {count:,} images x {DETECTIONS}',
                   value >= asked and equal == 12 if asked else None)

    return [row('COCO evaluation, as it runs by default on two CPUs, against pycocotools', two, 4),
            row('the same on one CPU', one, None)]
