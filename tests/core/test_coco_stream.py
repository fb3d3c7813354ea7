from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.core import boxes, coco, coco_stream
from pipelines.core.errors import InputError


def test_the_stream_gives_what_the_whole_file_gives(toy_dogs_coco):
    splits = coco.read_splits(toy_dogs_coco)
    found = list(coco_stream.annotated(toy_dogs_coco))
    assert [image['id'] for _, image, _ in found] == sorted(i for split in splits.values() for i in split.images)
    for split, image, rows in found:
        assert image == splits[split].images[image['id']]
        assert rows == splits[split].annotations[image['id']]
    assert coco_stream.categories(toy_dogs_coco / 'train.json') == splits['train'].categories
    known = coco_stream.images(toy_dogs_coco)
    assert known.ids.tolist() == [image['id'] for _, image, _ in found]
    assert known.sizes.tolist() == [[image['width'], image['height']] for _, image, _ in found]


def test_best_boxes_in_any_order(toy_dogs_coco, tmp_path):
    known, random = coco_stream.images(toy_dogs_coco), np.random.default_rng(0)
    rows = [dict(image_id=int(i), score=round(float(random.random()), 1),
                 bbox=[*random.uniform(-40, 200, 2), *random.uniform(0, 200, 2)])
            for i in random.choice(known.ids[:-1], 400)]
    path = tmp_path / 'detections.json'
    path.write_text(json.dumps(rows))
    scores, xyxy, sources = coco_stream.best_boxes(path, known)
    for i, image_id in enumerate(known.ids):
        inside = [(row['score'], boxes.clip(boxes.xywh_to_xyxy(row['bbox']), tuple(known.sizes[i]))[0])
                  for row in rows if row['image_id'] == image_id]
        inside = [(score, box) for score, box in inside if boxes.area(box)[0] > 0]
        if not inside:
            assert np.isnan(scores[i])
            continue
        score, box = max(inside, key=lambda pair: pair[0])  # the first of equals
        assert scores[i] == score and xyxy[i].tolist() == box.tolist() and sources[i] == 'det'
    assert np.isnan(scores).sum() >= 1 and len(scores) == 36


@pytest.mark.parametrize('text', ['{"images": [', '{"images": [{"id": 1}]}', '{"images": [{"id": "x", "width": 1}]}',
                                  '[1, 2]{', '{"images": [{"id": 1e30, "width": 1, "height": 1, "file_name": "a"}]}'])
def test_what_is_no_coco_file_is_named(toy_dogs_coco, tmp_path, text):
    for split in coco.SPLITS:
        (tmp_path / f'{split}.json').write_text(text)
    with pytest.raises(InputError, match=r'train\.json: expected (a COCO file|COCO images, ann.*), found'):
        coco_stream.images(tmp_path)
