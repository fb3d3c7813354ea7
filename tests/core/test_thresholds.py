"""The detector's threshold, counted by hand."""
from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core import thresholds
from pipelines.core.coco import Coco


def truth(*boxes_by_image: list[list[float]]) -> Coco:
    images = {i: dict(id=i, width=100, height=100) for i in range(len(boxes_by_image) + 1)}  # the last: not annotated
    annotations = {i: [dict(bbox=box, category_id=1) for box in own] for i, own in enumerate(boxes_by_image)}
    return Coco(Path('val.json'), images, annotations, [dict(id=1, name='a', supercategory='dog')])


def row(image_id: int, score: float, bbox: list[float]) -> dict:
    return dict(image_id=image_id, category_id=1, score=score, bbox=bbox)


A, B, FAR = [0, 0, 20, 20], [50, 50, 20, 20], [0, 70, 20, 20]


def test_the_threshold_has_the_best_f1():
    results = [row(0, 0.9, A), row(0, 0.7, B), row(0, 0.5, FAR), row(1, 0.8, A), row(1, 0.4, A), row(2, 0.99, A)]
    found = thresholds.detections(truth([A, B], [A]), results, class_agnostic=True)
    assert found == dict(value=0.6, images=2, animals=3, f1=1., precision=1., recall=1., right_number=1.)


def test_a_second_box_on_an_animal_is_wrong_and_the_count_says_so():
    results = [row(0, 0.9, A), row(0, 0.8, [1, 1, 20, 20]), row(0, 0.7, B), row(1, 0.6, A)]
    found = thresholds.detections(truth([A, B], [A]), results, class_agnostic=True)
    assert found['value'] == 0.3 and found['precision'] == 0.75 and found['recall'] == 1
    assert found['f1'] == pytest.approx(6 / 7, abs=1e-4) and found['right_number'] == 0.5
    once = thresholds.detections(truth([A, B], [A]), results, class_agnostic=False)  # its classes are not told apart
    assert once['f1'] == once['right_number'] == 1


@pytest.mark.parametrize('results', [[], [row(0, 0.9, FAR)]])
def test_without_a_right_detection_there_is_no_threshold(results):
    assert thresholds.detections(truth([A]), results, class_agnostic=True)['value'] is None


def test_distinct_keeps_the_better_of_two():
    assert thresholds.distinct([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]) == [0, 2]
    assert thresholds.distinct([]) == []
