"""COCO instances and results: reading with checks, and the numbers pycocotools counts from them."""
from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.core import boxes
from pipelines.core.errors import InputError

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Coco:
    """One split. Image ids are unique over the splits of a dataset; categories are the same in all of them.

    Args:
        path: the file.
        images: by image id: ``file_name`` (below ``images/`` beside the file), ``width``, ``height``, ``category_id``.
        annotations: by image id: rows with ``bbox`` (xywh) and ``category_id``.
        categories: rows with ``id``, ``name``, ``supercategory``, sorted by id.
    """
    path: Path
    images: dict[int, dict]
    annotations: dict[int, list[dict]]
    categories: list[dict]

    @property
    def classes(self) -> list[str]:
        return [row['name'] for row in self.categories]

    def label(self, image_id: int) -> int:
        """0-based index into `classes` of the image's fine class."""
        return next(i for i, row in enumerate(self.categories) if row['id'] == self.images[image_id]['category_id'])

    def gt_xyxy(self, image_id: int) -> np.ndarray:
        """(N, 4) annotated boxes of an image."""
        return boxes.xywh_to_xyxy([row['bbox'] for row in self.annotations.get(image_id, [])])


def read(path: Path) -> Coco:
    """Read a COCO file that convert wrote.

    Raises:
        InputError: not there, not JSON, or without one of COCO's three lists.
    """
    remedy = 'run the convert stage again (make convert)'
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise InputError(path, expected='a COCO file', found='nothing', remedy=remedy) from None
    except ValueError as error:
        raise InputError(path, expected='COCO JSON', found=str(error), remedy=remedy) from None
    try:
        images = {row['id']: row for row in content['images']}
        annotations: dict[int, list[dict]] = {}
        for row in content['annotations']:
            annotations.setdefault(row['image_id'], []).append(row)
        categories = sorted(content['categories'], key=lambda row: row['id'])
    except (KeyError, TypeError) as error:
        raise InputError(path, expected='COCO images, annotations and categories', found=f'no {error}',
                         remedy=remedy) from None
    return Coco(path, images, annotations, categories)


def read_splits(folder: Path) -> dict[str, Coco]:
    """train, val and test of a convert folder.

    Raises:
        InputError: as `read`; or an image, by id or file name, that is in two of them.
    """
    splits = {split: read(folder / f'{split}.json') for split in SPLITS}
    seen: dict[int | str, str] = {}
    for split, content in splits.items():
        for image_id, image in content.images.items():
            for key in (image_id, image['file_name']):
                if seen.setdefault(key, split) != split:
                    raise InputError(content.path, expected='images of no other split',
                                     found=f'image {image_id}, {image["file_name"]}, of {seen[key]} too',
                                     remedy='never edit these files by hand; run make convert again')
    return splits


def best_boxes(results: list[dict]) -> dict[int, dict]:
    """By image id, the best-scoring row of COCO results; the first of equals."""
    best: dict[int, dict] = {}
    for row in results:
        if row['image_id'] not in best or row['score'] > best[row['image_id']]['score']:
            best[row['image_id']] = row
    return best


def localisation(coco: Coco, results: list[dict]) -> dict[int, float]:
    """By image id, the IoU of the best-scoring box with the annotated box it fits best; 0 without a detection."""
    best = best_boxes(results)
    found = {i: boxes.xywh_to_xyxy(best[i]['bbox']) for i in coco.images if i in best}
    return {i: float(boxes.iou(found[i], coco.gt_xyxy(i)).max(initial=0)) if i in found else 0. for i in coco.images}


def average_precision(coco: Coco, results: list[dict], *, class_agnostic: bool) -> dict[str, float]:
    """The 12 COCO box numbers, by pycocotools.

    Args:
        results: COCO results; rows of images that are not in ``coco`` are left out.
        class_agnostic: ignore categories (``useCats=0``).
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    names = ('AP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large',
             'AR_1', 'AR_10', 'AR_100', 'AR_small', 'AR_medium', 'AR_large')
    rows = [row for row in results if row['image_id'] in coco.images]
    if not rows:
        return dict.fromkeys(names, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(coco.path))
        evaluation = COCOeval(truth, truth.loadRes(rows), 'bbox')
        evaluation.params.useCats = int(not class_agnostic)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: round(float(value), 4) for name, value in zip(names, evaluation.stats)}
