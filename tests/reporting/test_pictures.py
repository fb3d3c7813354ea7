from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import report
from pipelines.core import lineage
from pipelines.reporting import pictures
from tests import fake_work
from tests.reporting.html_page import Page


@pytest.fixture
def crop(tmp_path) -> Path:
    fake_work.crop(tmp_path / 'toy-dogs')
    return tmp_path / 'toy-dogs/crop'


def test_drawn_box_is_where_the_list_says(crop):
    first = pictures.crop_samples(crop)[0]
    assert (first['split'], first['source'], list(first['uris'])) == ('train', 'annotated', ['full', 'box', 'square'])
    content = base64.b64decode(first['uris']['full'].split(',')[1])
    picture = np.asarray(Image.open(io.BytesIO(content)).convert('RGB')).astype(int)
    x1, y1, x2, y2 = json.loads((crop / 'box_train.json').read_text())['data_list'][0]['box']
    assert picture.shape == (120, 160, 3)
    for x, y in ((x1, (y1 + y2) // 2), (x2, (y1 + y2) // 2), ((x1 + x2) // 2, y1), ((x1 + x2) // 2, y2)):
        around = picture[y - 2:y + 3, x - 2:x + 3].reshape(-1, 3)
        assert np.abs(around - pictures.BOX_COLOURS['gt']).sum(axis=1).min() < 60


def test_every_kind_is_shown(crop):
    for split in ('train', 'test'):
        classes, rows = lineage.read_list(crop / f'square_{split}.json')
        lineage.write_list(crop / f'square-m30_{split}.json', classes, rows)
        (crop / f'box_{split}.json').unlink()
    samples = pictures.crop_samples(crop)
    assert [list(sample['uris']) for sample in samples] == [['full', 'square', 'square-m30']] * 8
    assert [sample['source'] for sample in samples] == ['annotated'] * 4 + ['detected'] * 3 + ['whole image']


def test_what_cannot_be_shown_is_said(crop):
    root = crop.parent
    fake_work.detect(root)
    fake_work.synth(root)
    (root / 'detect/sheet_best.jpg').unlink()
    whole = (root / 'detect/sheet_worst.jpg').read_bytes()
    (root / 'detect/sheet_worst.jpg').write_bytes(whole[:len(whole) // 2])
    row = json.loads((crop / 'square_train.json').read_text())['data_list'][0]
    (crop / row['img_path']).unlink()
    (crop / 'full').rename(crop / 'gone')
    report.report(root, root / 'report')
    shown = Page((root / 'report/index.html').read_text(encoding='utf-8'))
    assert 'sheet_best.jpg is not there. Remove the folder detect and run make detect.' in shown.text
    assert 'sheet_worst.jpg is damaged (' in shown.text
    assert shown.text.count('of crop cannot be shown: ') == 8 and 'full/0.jpg of crop' in shown.text
    assert len(shown.sources()) == 3  # of the synthetic images
