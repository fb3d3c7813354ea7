from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipelines.core import coco
from pipelines.core.errors import InputError


@pytest.fixture
def folder(toy_dogs_coco, tmp_path):
    for split in coco.SPLITS:
        shutil.copy(toy_dogs_coco / f'{split}.json', tmp_path)
    return tmp_path


@pytest.mark.parametrize('key', ['id', 'file_name'])
def test_an_image_in_two_splits_is_refused(folder, key):
    train, test = (json.loads((folder / f'{split}.json').read_text()) for split in ('train', 'test'))
    old, new = test['images'][0][key], train['images'][0][key]
    test['images'][0][key] = new
    for row in test['annotations']:
        row['image_id'] = new if row['image_id'] == old else row['image_id']
    (folder / 'test.json').write_text(json.dumps(test))
    with pytest.raises(InputError, match='test.json: expected images of no other split, found image .* of train too'):
        coco.read_splits(folder)


def test_average_precision_of_the_truth_is_one(folder):
    test = coco.read(folder / 'test.json')
    found = [dict(image_id=i, category_id=row['category_id'], bbox=row['bbox'], score=0.9)
             for i, rows in test.annotations.items() for row in rows]
    assert coco.average_precision(test, found, class_agnostic=False)['AP'] == 1
    wrong = [dict(row, category_id=row['category_id'] % 3 + 1) for row in found]
    assert coco.average_precision(test, wrong, class_agnostic=False)['AP'] == 0
    assert coco.average_precision(test, wrong, class_agnostic=True)['AP'] == 1
    assert coco.average_precision(test, [], class_agnostic=True)['AP'] == 0


def _by_pycocotools(truth: Path, results: list[dict], class_agnostic: bool) -> list[float]:
    """The reference implementation's 12 numbers."""
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO(str(truth))
        if results:
            found = annotated.loadRes([dict(row) for row in results])
        else:  # loadRes refuses an empty list
            found = COCO()
            found.dataset = dict(annotated.dataset, annotations=[])
            found.createIndex()
        evaluation = COCOeval(annotated, found, 'bbox')
        evaluation.params.useCats = int(not class_agnostic)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [round(float(value), 4) for value in evaluation.stats]


def _write(path: Path, images: int, rows: list[dict]) -> coco.Coco:
    """Ground truth on so many images of 640 x 480 pixels; rows have image_id, bbox and what else they need.

    `coco.read` takes less: no crowds, and animals of their image's class only.
    """
    annotations = [dict(dict(id=number, category_id=1, iscrowd=0, area=row['bbox'][2] * row['bbox'][3]), **row)
                   for number, row in enumerate(rows, start=1)]
    pictures = {i: dict(id=i, file_name=f'{i}.jpg', width=640, height=480, category_id=1)
                for i in range(1, images + 1)}
    categories = [dict(id=i, name=f'c{i}', supercategory='dog') for i in (1, 2, 3)]
    path.write_text(json.dumps(dict(images=[*pictures.values()], annotations=annotations, categories=categories)))
    return coco.Coco(path, pictures, {i: [row for row in annotations if row['image_id'] == i] for i in pictures},
                     categories)


def _random_case(seed: int, path: Path, *, crowds: bool) -> tuple[coco.Coco, list[dict]]:
    """Nine images: some without animals, some without detections, one with more of them than count; equal scores."""
    rng = np.random.default_rng(seed)
    sides = (8, 31, 32, 33, 60, 95, 96, 97, 200)  # around the bounds of small and medium, 32^2 and 96^2
    rows, results = [], []
    for image_id in range(1, 10):
        animals = [[*rng.integers(0, 300, 2).tolist(), *rng.choice(sides, 2).tolist()]
                   for _ in range(int(rng.integers(0, 4)))]
        rows += [dict(image_id=image_id, bbox=box, category_id=int(rng.integers(1, 4)),
                      iscrowd=int(crowds and rng.random() < 0.3), **({'ignore': 1} if rng.random() < 0.2 else {}))
                 for box in animals]
        for _ in range(int(rng.choice([0, 5, 20, 130 if image_id == 5 else 8]))):
            near = bool(animals) and rng.random() < 0.7
            box = np.array(animals[rng.integers(len(animals))] if near else [*rng.integers(0, 300, 2), 40, 96], float)
            box[:2] += rng.choice([0, 0.25, 2, 9], 2)
            results.append(dict(image_id=image_id, category_id=int(rng.integers(1, 4)), bbox=box.tolist(),
                                score=round(float(rng.random()), 1)))
    return _write(path, 9, rows or [dict(image_id=1, bbox=[0, 0, 50, 50])]), results


@pytest.mark.parametrize('class_agnostic', [True, False])
@pytest.mark.parametrize('crowds', [True, False])
@pytest.mark.parametrize('seed', range(12))
def test_the_twelve_numbers_are_those_of_pycocotools(tmp_path, seed, crowds, class_agnostic):
    truth, results = _random_case(seed, tmp_path / 'truth.json', crowds=crowds)
    before = json.dumps(results)
    found = coco.average_precision(truth, results, class_agnostic=class_agnostic)
    assert list(found.values()) == _by_pycocotools(truth.path, results, class_agnostic)
    assert json.dumps(results) == before  # both libraries write into the rows they are given


SMALL, MEDIUM = [10, 10, 32, 32], [100, 100, 96, 96]


@pytest.mark.parametrize('class_agnostic', [True, False])
@pytest.mark.parametrize(('rows', 'results', 'expected'), [
    pytest.param([SMALL], [], dict(AP=0, AR_100=0, AP_small=0, AP_medium=0, AP_large=-1), id='no detection'),
    pytest.param([SMALL], [(SMALL, 0.5)], dict(AP=1, AP_small=1, AP_medium=1, AP_large=-1),
                 id='32 x 32 is small and medium'),
    pytest.param([MEDIUM], [(MEDIUM, 0.5)], dict(AP=1, AP_small=-1, AP_medium=1, AP_large=1),
                 id='96 x 96 is medium and large'),
    pytest.param([MEDIUM], [([500, 300, 96, 96], 0.5), (MEDIUM, 0.5)], dict(AP=0.5, AR_1=0, AR_10=1),
                 id='of equal scores the first counts first'),
    pytest.param([SMALL, MEDIUM], [(MEDIUM, 0.9)], dict(AP=51 / 101, AR_100=0.5, AR_small=0, AR_large=1),
                 id='half of the animals found')])
def test_cases_by_hand(tmp_path, rows, results, expected, class_agnostic):
    """Of image 1; image 2 has neither animal nor detection."""
    truth = _write(tmp_path / 'truth.json', 2, [dict(image_id=1, bbox=box) for box in rows])
    found = [dict(image_id=1, category_id=1, bbox=box, score=score) for box, score in results]
    numbers = coco.average_precision(truth, found, class_agnostic=class_agnostic)
    assert {name: numbers[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert list(numbers.values()) == _by_pycocotools(truth.path, found, class_agnostic)


def test_a_crowd_is_neither_found_nor_missed(tmp_path):
    truth = _write(tmp_path / 'truth.json', 1, [dict(image_id=1, bbox=MEDIUM),
                                                dict(image_id=1, bbox=[300, 100, 200, 200], iscrowd=1)])
    found = [dict(image_id=1, category_id=1, bbox=box, score=0.9) for box in ([320, 120, 50, 50], MEDIUM)]
    numbers = coco.average_precision(truth, found, class_agnostic=True)
    assert (numbers['AP'], numbers['AR_100']) == (1, 1)
    assert list(numbers.values()) == _by_pycocotools(truth.path, found, True)


def test_rows_of_other_images_are_left_out(tmp_path):
    truth = _write(tmp_path / 'truth.json', 1, [dict(image_id=1, bbox=MEDIUM)])
    found = [dict(image_id=i, category_id=1, bbox=MEDIUM, score=0.9 - 0.1 * i) for i in (1, 7)]
    assert coco.average_precision(truth, found, class_agnostic=True)['AP'] == 1


def test_best_box_of_an_image(folder):
    """Half-shifted by a quarter of the width: IoU 3/5; the better-scoring box counts, wherever it is."""
    test = coco.read(folder / 'test.json')
    image_id, rows = next((i, rows) for i, rows in sorted(test.annotations.items()) if len(rows) == 1)
    x, y, w, h = rows[0]['bbox']
    near = dict(image_id=image_id, category_id=1, bbox=[x + w / 4, y, w, h], score=0.6)
    far = dict(image_id=image_id, category_id=1, bbox=[0, 0, 1, 1], score=0.7)
    assert coco.localisation(test, [near])[image_id] == pytest.approx(0.6)
    assert coco.localisation(test, [near, far])[image_id] < 0.1
    assert coco.localisation(test, [])[image_id] == 0


@pytest.mark.parametrize(('text', 'words'), [('{"images": []', 'expected COCO JSON'), ('[]', 'expected COCO images'),
                                             ('{"images": [{"x": 1}]}', 'expected COCO images')])
def test_a_damaged_file_is_named(folder, text, words):
    (folder / 'train.json').write_text(text)
    with pytest.raises(InputError, match=words):
        coco.read_splits(folder)
