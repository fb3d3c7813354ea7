"""COCO instances and results: reading with checks, and the numbers counted from them."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core import boxes, coco_rows, json_files, names
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
    images: dict[int, dict[str, Any]]
    annotations: dict[int, list[dict[str, Any]]]
    categories: list[dict[str, Any]]

    @property
    def classes(self) -> list[str]:
        return [row['name'] for row in self.categories]

    def label(self, image_id: int) -> int:
        """0-based index into `classes` of the image's fine class."""
        return next(i for i, row in enumerate(self.categories) if row['id'] == self.images[image_id]['category_id'])

    def gt_xyxy(self, image_id: int) -> np.ndarray[Any, Any]:
        """(N, 4) annotated boxes of an image."""
        return boxes.xywh_to_xyxy([row['bbox'] for row in self.annotations.get(image_id, [])])


def read(path: Path) -> Coco:
    """Read a COCO file that convert wrote.

    Raises:
        InputError: not there, not JSON, without one of COCO's three lists, or a row that is wrong (`coco_rows`): an id,
            class name or file name twice, an unknown image or category, a box that leaves its image.
    """
    remedy = 'run the convert stage again (make convert)'
    try:
        content = json_files.read(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(path, expected='a COCO file', found='nothing', remedy=remedy) from None
    except ValueError as error:
        raise InputError(path, expected='COCO JSON', found=str(error), remedy=remedy) from None
    lists: list[Any] = [content.get(key) if isinstance(content, dict) else None
                        for key in ('categories', 'images', 'annotations')]
    if not all(isinstance(rows, list) for rows in lists) or not lists[1]:
        raise InputError(path, expected='COCO images, annotations and categories',
                         found='not all of them' if isinstance(content, dict) else f'{content!r:.80}', remedy=remedy)

    seen: dict[tuple[str, int | str], str] = {}

    def once(what: str, value: int | str, where: str) -> None:
        if (first := seen.setdefault((what, value), where)) != where:
            raise InputError(where, expected=f'every {what} once', found=f'{value}, as in {first}',
                             remedy=coco_rows.AGAIN)

    categories = coco_rows.categories(lists[0], path)
    ids = {row['id'] for row in categories}
    for number, row in enumerate(lists[1]):
        coco_rows.image(row, where := f'{path}, images, row {number}', ids)
        once('image id', row['id'], where)
        once('file name', names.key(row['file_name']), where)
    images = {row['id']: row for row in lists[1]}
    annotations: dict[int, list[dict[str, Any]]] = {}
    for number, row in enumerate(lists[2]):
        image_id: Any = row.get('image_id') if isinstance(row, dict) else None
        coco_rows.annotation(row, where := f'{path}, annotations, row {number}',
                             images.get(image_id) if isinstance(image_id, int) else None)
        once('annotation id', row['id'], where)
        annotations.setdefault(image_id, []).append(row)
    return Coco(path, images, annotations, categories)


def read_splits(folder: Path) -> dict[str, Coco]:
    """train, val and test of a convert folder.

    Raises:
        InputError: as `read`; other categories than train's; or an image, by id or file name, that is in two of them.
    """
    splits = {split: read(folder / f'{split}.json') for split in SPLITS}
    seen: dict[int | str, str] = {}
    for split, content in splits.items():
        if content.categories != splits['train'].categories:
            raise InputError(content.path, expected='the categories of train.json', found='others',
                             remedy=coco_rows.AGAIN)
        for image_id, image in content.images.items():
            for key in (image_id, names.key(image['file_name'])):
                if seen.setdefault(key, split) != split:
                    raise InputError(content.path, expected='images of no other split',
                                     found=f'image {image_id}, {image["file_name"]}, of {seen[key]} too',
                                     remedy=coco_rows.AGAIN)
    return splits


def best_boxes(results: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """By image id, the best-scoring row of COCO results; the first of equals."""
    best: dict[int, dict[str, Any]] = {}
    for row in results:
        if row['image_id'] not in best or row['score'] > best[row['image_id']]['score']:
            best[row['image_id']] = row
    return best


def localisation(coco: Coco, results: list[dict[str, Any]]) -> dict[int, float]:
    """By image id, the IoU of the best-scoring box with the annotated box it fits best; 0 without a detection."""
    best = best_boxes(results)
    found = {i: boxes.xywh_to_xyxy(best[i]['bbox']) for i in coco.images if i in best}
    return {i: float(boxes.iou(found[i], coco.gt_xyxy(i)).max(initial=0)) if i in found else 0. for i in coco.images}


def average_precision(coco: Coco, results: list[dict[str, Any]], *, class_agnostic: bool) -> dict[str, float]:
    """The 12 COCO box numbers, by faster-coco-eval: those of pycocotools, to the digit (tests/core/test_coco.py).

    Args:
        results: COCO results; rows of images that are not in ``coco`` are left out.
        class_agnostic: ignore categories (``useCats=0``).
    Returns:
        by name, shares; -1 for a size that no annotated animal has.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    names = ('AP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large',
             'AR_1', 'AR_10', 'AR_100', 'AR_small', 'AR_medium', 'AR_large')
    truth = COCO(str(coco.path))
    rows = (row for row in results if row['image_id'] in coco.images)
    found = COCO(dict(images=truth.dataset['images'], categories=truth.dataset['categories'], annotations=[
        dict(id=number, image_id=row['image_id'], category_id=row['category_id'], bbox=row['bbox'], score=row['score'],
             area=row['bbox'][2] * row['bbox'][3], iscrowd=0) for number, row in enumerate(rows, start=1)]))
    evaluation = COCOeval_faster(truth, found, 'bbox')
    evaluation.params.useCats = int(not class_agnostic)
    evaluation.run()
    return {name: round(float(value), 4) for name, value in zip(names, evaluation.stats, strict=True)}
