"""The boxes of a dataset's images as a result: detections, what can be measured of them, and pictures."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core import boxes, coco, images, json_files

Splits = Mapping[str, coco.Coco]


def write(folder: Path, splits: Splits, pictures: Path, results: list[dict[str, Any]], *, class_agnostic: bool,
          **facts: Any) -> None:
    """A result: detections, for all images and split by split, what can be measured of them, and pictures."""
    json_files.write_rows(folder / 'detections.json', map(json_files.dumps, results))
    for split, truth in splits.items():
        json_files.write_rows(folder / f'detections_{split}.json', (
            json_files.dumps(row) for row in results if row['image_id'] in truth.images))
    json_files.write(folder / 'metrics.json', dict(facts, class_agnostic=class_agnostic, splits=measure(
        splits, results, class_agnostic=class_agnostic)))
    write_sheets(splits['test'], pictures, results, folder)


def measure(splits: Splits, results: list[dict[str, Any]], *, class_agnostic: bool) -> dict[str, dict[str, Any]]:
    """What can be measured, by split.

    Returns:
        ``images``, ``no_detection`` (a count); where boxes are annotated ``localisation_accuracy`` over the images that
        have some and, for val and test, ``coco``: the 12 COCO numbers over those images.
    """
    found = {row['image_id'] for row in results}
    measured: dict[str, dict[str, Any]] = {}
    for split, truth in splits.items():
        measured[split] = dict(images=len(truth.images))
        if truth.annotations:
            ious = coco.localisation(truth, results)
            right = [ious[image_id] >= 0.5 for image_id in truth.annotations]
            measured[split]['localisation_accuracy'] = round(sum(right) / len(right), 4)
        measured[split]['no_detection'] = sum(image_id not in found for image_id in truth.images)
        if split != 'train' and truth.annotations:
            annotated = [row for row in results if row['image_id'] in truth.annotations]
            measured[split]['coco'] = coco.average_precision(truth, annotated, class_agnostic=class_agnostic)
    return measured


def write_sheets(truth: coco.Coco, folder: Path, results: list[dict[str, Any]], out: Path, *, count: int = 18) -> None:
    """The images with the best and the worst fitting boxes: annotated ones blue, detected ones orange.

    Without annotated boxes, those with the highest and the lowest scores.
    """
    best, ious = coco.best_boxes(results), coco.localisation(truth, results)
    rank = {i: ious[i] for i in truth.annotations} or {i: best[i]['score'] if i in best else 0. for i in truth.images}
    order = sorted(rank, key=lambda i: (rank[i], i))
    for name, chosen in (('worst', order[:count]), ('best', order[::-1][:count])):
        pictures, captions = [], []
        for i in chosen:
            read = images.read(folder / truth.images[i]['file_name'])
            width = max(2, round(max(read.pixels.shape) / 120))
            picture = images.draw_boxes(read.pixels, read.shrunk(truth.gt_xyxy(i)), images.ANNOTATED, width)
            if i in best:
                found = read.shrunk(boxes.xywh_to_xyxy(best[i]['bbox']))
                picture = images.draw_boxes(picture, found, images.DETECTED, width)
            pictures.append(picture)
            captions.append((f'IoU {ious[i]:.2f} ' if truth.annotations else '') + (
                f'score {best[i]["score"]:.2f}' if i in best else 'no detection'))
        images.contact_sheet(pictures, captions, columns=6).save(out / f'sheet_{name}.jpg', quality=88)
