from __future__ import annotations

import json
import shutil

import pytest

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
    test['images'][0][key] = train['images'][0][key]
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
