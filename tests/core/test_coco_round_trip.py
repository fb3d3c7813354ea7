"""What is written as COCO is what both readers give back."""
from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sahi.utils.coco import CocoAnnotation

from data_converters.coco_out import to_coco
from data_converters.records import Record
from data_converters.sahi_box import BoxAnnotation
from pipelines.core import boxes, coco, coco_stream, json_files, names

TEXT = st.text(st.characters(blacklist_categories=('Cs', 'Cc'), blacklist_characters='/\\'), min_size=1, max_size=12)
NAMES = TEXT.map(lambda name: f'a/{name}.jpg').filter(lambda name: names.fault(name) is None)
EDGE = st.floats(-50, 450, width=32)
XYXY = st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE), max_size=4)
PICTURE = st.tuples(NAMES, st.integers(1, 400), st.integers(1, 400), st.integers(0, 2), XYXY)


@settings(max_examples=60)
@given(st.lists(PICTURE, min_size=3, max_size=9, unique_by=lambda row: names.key(row[0])))
def test_records_to_coco_and_back(pictures):
    categories = [dict(id=i, name=f'c{i}', supercategory='dog') for i in (1, 2, 3)]
    records = [Record(number, name, label, (width, height), np.array(xyxy, float).reshape(-1, 4), 'x')
               for number, (name, width, height, label, xyxy) in enumerate(pictures, start=1)]
    with tempfile.TemporaryDirectory() as folder:
        annotated = 0
        for number, split in enumerate(coco.SPLITS):
            content, counts, dropped = to_coco(records[number::3], categories)
            rows = [dict(row, id=annotated + i) for i, row in enumerate(content['annotations'], start=1)]
            annotated += len(rows)
            assert counts['boxes'] + counts['dropped_boxes'] == counts['boxes_annotated'] == sum(
                len(record.xyxy) for record in records[number::3])
            assert len(dropped) == counts['dropped_boxes']
            lists = dict(categories=categories, images=content['images'], annotations=rows)
            with json_files.writing_lists(Path(folder) / f'{split}.json', tuple(lists)) as append:
                for key, row in ((key, row) for key, part in lists.items() for row in part):
                    append(key, json_files.dumps(row))
        splits = coco.read_splits(Path(folder))
        streamed = list(coco_stream.annotated(Path(folder)))
        sizes = coco_stream.images(Path(folder)).sizes.tolist()
    assert [image['id'] for _, image, _ in streamed] == [record.id for record in records]
    assert sizes == [list(record.size) for record in records]
    for record, (split, image, rows) in zip(records, streamed):
        assert splits[split].images[record.id] == image
        assert splits[split].annotations.get(record.id, []) == rows
        assert (image['file_name'], image['category_id']) == (record.file, record.label + 1)
        inside = boxes.clip(record.xyxy, record.size)
        kept = inside[boxes.area(inside) > 0]
        assert np.abs(splits[split].gt_xyxy(record.id) - kept).max(initial=0) < 1e-6


SIDE = st.floats(0.5, 400, width=32)


@settings(max_examples=60)
@given(st.tuples(SIDE, SIDE, SIDE, SIDE))
def test_a_box_says_what_sahis_own_polygon_of_it_does(xywh):
    found, own = BoxAnnotation(2, 'b', list(xywh)).json, CocoAnnotation(2, 'b', bbox=list(xywh)).json
    assert found.pop('bbox') == list(xywh) == pytest.approx(own.pop('bbox'), abs=1e-9)
    area = found.pop('area')
    assert area == xywh[2] * xywh[3]
    assert abs(area - own.pop('area')) < 1 + 1e-6  # sahi's is cut to a whole number
    assert found == own
