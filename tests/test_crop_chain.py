"""Crop takes boxes of the images that it cuts, or says what to run again."""
from __future__ import annotations

import json

import pytest

from data_converters.convert import convert
from data_converters.toy import toy
from pipelines.core import coco, manifest
from pipelines.core.errors import InputError
from pipelines.crop import crop


def test_boxes_of_images_whose_ids_have_moved_are_refused(toy_dogs_raw, tmp_path):
    """A breed has one more image: ids behind it move, and detect was not run again."""
    work = tmp_path / 'toy-dogs'
    convert('toy-dogs', toy_dogs_raw, work / 'convert')

    def detect(folder) -> None:
        rows = [dict(image_id=row['image_id'], category_id=1, bbox=row['bbox'], score=0.9)
                for truth in coco.read_splits(work / 'convert').values() for rows in truth.annotations.values()
                for row in rows[:1]]
        (folder / 'detections.json').write_text(json.dumps(rows))

    inputs = {f'convert/{split}.json': work / f'convert/{split}.json' for split in coco.SPLITS}
    manifest.produce(work / 'detect', 'detect', {}, inputs, detect)
    found = work / 'detect/detections.json'
    assert crop(work / 'convert', work / 'crop', detections=found, size=32)
    toy('toy-dogs', tmp_path / 'more', classes=3, train=9, test=4)
    convert('toy-dogs', tmp_path / 'more', work / 'convert')
    with pytest.raises(InputError, match=r'detect: expected a result made from the present convert, found one made '
                                         r'from another convert/(train|test).json\n.*make detect'):
        crop(work / 'convert', work / 'crop', detections=found, size=32)
    manifest.produce(work / 'detect', 'detect', {}, inputs, detect)
    assert crop(work / 'convert', work / 'crop', detections=found, size=32)
