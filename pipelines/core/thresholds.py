"""The score from which on a detection counts as an animal: the one with the best F1 on val."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.core import boxes
from pipelines.core.coco import Coco

OVERLAP = 0.5  # IoU from which on a detection is the animal's


def distinct(xyxy: ArrayLike) -> list[int]:
    """Of detections by a detector of several classes, one for each animal.

    Args:
        xyxy: (N, 4) pixels, best score first.
    Returns:
        the positions of those that overlap no better one that stays by more than `OVERLAP`.
    """
    found = np.asarray(xyxy, float).reshape(-1, 4)
    overlaps, kept = boxes.iou(found, found), list[int]()
    for number in range(len(found)):
        if (overlaps[number, kept] <= OVERLAP).all():
            kept.append(number)
    return kept


def _matched(found: NDArray[np.float64], truth: NDArray[np.float64]) -> list[bool]:
    """Whether each detection, best score first, is the first of an annotated animal."""
    overlaps, right = boxes.iou(found, truth), list[bool]()
    for row in overlaps:
        best = int(row.argmax()) if len(row) else 0
        right.append(bool(len(row)) and row[best] >= OVERLAP)
        if right[-1]:
            overlaps[:, best] = -1
    return right


def detections(truth: Coco, results: Sequence[dict[str, Any]], *, class_agnostic: bool) -> dict[str, Any]:
    """The threshold with the best F1 over the annotated images of a split.

    A detection is right where its IoU with an animal that no better one took is at least `OVERLAP`. Of thresholds with
    the same F1 the highest is taken, in the middle between the two scores that it tells apart.

    Args:
        truth: of the split.
        results: COCO results, of the split's images at least.
        class_agnostic: the detector knows one class; else its classes are not told apart here (`distinct`).
    Returns:
        ``value`` (None where no animal is annotated, or none was found), ``f1``, ``precision``, ``recall``,
        ``right_number`` (the share of images with as many detections as animals), ``images``, ``animals``.
    """
    by_image = defaultdict[int, list[dict[str, Any]]](list)
    for row in sorted(results, key=lambda row: -row['score']):
        if row['image_id'] in truth.annotations:
            by_image[row['image_id']].append(row)
    animals = {image_id: len(rows) for image_id, rows in truth.annotations.items()}
    total = sum(animals.values())
    facts = dict[str, Any](value=None, images=len(animals), animals=total)
    scores: list[float] = []
    kept_scores: dict[int, list[float]] = {}
    right: list[bool] = []
    for image_id, rows in by_image.items():
        xyxy = boxes.xywh_to_xyxy([row['bbox'] for row in rows])
        kept = list(range(len(rows))) if class_agnostic else distinct(xyxy)
        kept_scores[image_id] = [rows[number]['score'] for number in kept]
        scores += kept_scores[image_id]
        right += _matched(xyxy[kept], truth.gt_xyxy(image_id))
    if not any(right):
        return facts
    order = np.argsort(-np.array(scores), kind='stable')
    descending, hits = np.array(scores)[order], np.cumsum(np.array(right)[order])
    last = np.append(descending[1:] < descending[:-1], True)  # equal scores are on one side
    f1 = np.where(last, 2 * hits / (np.arange(1, len(hits) + 1) + total), -1)
    best = int(f1.argmax())
    below = descending[best + 1] if best + 1 < len(descending) else 0.
    value = float((descending[best] + below) / 2)
    counts = {image_id: sum(score >= value for score in own) for image_id, own in kept_scores.items()}
    return dict(facts, value=round(value, 6), f1=round(float(f1[best]), 4),
                precision=round(float(hits[best] / (best + 1)), 4),
                recall=round(float(hits[best] / total), 4),
                right_number=round(float(np.mean([counts.get(i, 0) == count for i, count in animals.items()])), 4))
