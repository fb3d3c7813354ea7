from __future__ import annotations

import json

import pytest

from pipelines.core import lineage
from pipelines.core.errors import InputError


def row(**changes) -> dict:
    return dict(img_path='box/a.jpg', gt_label=0, image_id=1, split='train', box_source='gt', score=None, **changes)


def test_a_list_reads_back(tmp_path):
    lineage.write_list(tmp_path / 'list.json', ['a', 'b'], [row()])
    assert lineage.read_list(tmp_path / 'list.json') == (['a', 'b'], [row()])


@pytest.mark.parametrize(('rows', 'test_ids'), [
    ([row(), dict(row(), split='test', img_path='box/b.jpg')], set()),
    ([row(), dict(row(), image_id=7, img_path='box/b.jpg')], {7}),
    ([row(), dict(row(), img_path='box/b.jpg', parents=[1, 7])], {7}),
])
def test_a_test_image_in_a_training_list_is_refused(tmp_path, rows, test_ids):
    lineage.write_list(tmp_path / 'list.json', ['a'], rows)
    with pytest.raises(InputError, match=r'row 1: expected images of the train split only, found box/b\.jpg'):
        lineage.check_training_list(tmp_path / 'list.json', test_ids)


def test_a_clean_training_list_passes(tmp_path):
    lineage.write_list(tmp_path / 'list.json', ['a'], [row()])
    assert lineage.check_training_list(tmp_path / 'list.json', {2, 3}) is None


@pytest.mark.parametrize('content', ['', '[]', '{"metainfo": {}}', json.dumps(dict(metainfo={}, data_list=[]))])
def test_what_is_no_list_is_an_error(tmp_path, content):
    (tmp_path / 'list.json').write_text(content)
    with pytest.raises(InputError, match=r'list\.json'):
        lineage.read_list(tmp_path / 'list.json')


def test_a_label_without_a_class_is_an_error(tmp_path):
    lineage.write_list(tmp_path / 'list.json', ['a'], [row(), dict(row(), gt_label=1)])
    with pytest.raises(InputError, match='row 1: expected gt_label below 1, found 1'):
        lineage.read_list(tmp_path / 'list.json')
