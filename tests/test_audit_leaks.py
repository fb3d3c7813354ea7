"""Planted leaks are found: by ImageNet's names, by looks, in convert's list; images that are merely alike are not."""
from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines import audit_leaks, report
from pipelines.analysis.trained import Trained
from pipelines.core import coco, images, json_files
from pipelines.core.errors import InputError
from pipelines.core.rows import Row
from pipelines.runs import Run


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """12 drawn test images of 3 classes, and a row's predictions: wrong on the even ones."""
    root = tmp_path_factory.mktemp('leaks') / 'toy-dogs'
    (root / 'convert/images').mkdir(parents=True)
    rows, rng = [], np.random.default_rng(0)
    for i in range(12):
        small = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        (root / f'convert/images/n02085620_{i}.jpg').write_bytes(images.encode_jpeg(images.fit(small, 160), 90))
        rows.append(dict(id=i + 1, file_name=f'n02085620_{i}.jpg', width=160, height=120, category_id=1 + i % 3))
    json_files.write(root / 'convert/test.json', dict(
        categories=[dict(id=i, name=f'c{i}', supercategory='dog') for i in (1, 2, 3)], images=rows, annotations=[]))
    json_files.write(root / 'convert/duplicates.json', [dict(kind='near', splits=True, labels=False, files=[
        dict(file='n02085620_3.jpg', split='test', label='c1'), dict(file='a.jpg', split='train', label='c1')])])
    run = Run(root, Row.parse('resnet18_64px@full'), 0, root / 'models/classify')
    run.tested.mkdir(parents=True)
    labels = [i % 3 for i in range(12)]
    scores = np.eye(3)[[label if i % 2 else (label + 1) % 3 for i, label in enumerate(labels)]]
    json_files.write(run.tested / 'test.json', dict(classes=['c1', 'c2', 'c3'], image_id=[i + 1 for i in range(12)],
                                                    label=labels, scores=scores.tolist()))
    return root, Trained('ResNet-18', (run,), 'test')


def test_the_join_with_imagenet_is_exact(work, tmp_path):
    root, row = work
    ids = tmp_path / 'train_cls.txt'
    ids.write_text('n02085620/n02085620_1 1\nn02085620_5,n02085620 1 2\nval/n02085620_7.JPEG\nn02085620_100\n')
    assert audit_leaks.audit([row], tmp_path / 'out', imagenet_ids=ids)
    said = json.loads((tmp_path / 'out/leaks.json').read_text())
    assert [one['file'] for one in said['sources']['imagenet']['shown']] == [f'n02085620_{i}.jpg' for i in (1, 5, 7)]
    assert [one['like'] for one in said['sources']['splits']['shown']] == ['a.jpg (train, near)']
    assert (said['leaked'], said['images']) == (4, 12)  # 3 is convert's
    [numbers] = said['rows']
    assert numbers['all']['value'] == 0.5 and numbers['leaked'] | {'interval': 0} == dict(value=1, interval=0, images=4)
    assert numbers['clean']['value'] == pytest.approx(2 / 8) and numbers['clean']['images'] == 8
    assert numbers['clean']['interval'][0] < 0.25 < numbers['clean']['interval'][1]
    assert not audit_leaks.audit([row], tmp_path / 'out', imagenet_ids=ids)


def test_a_planted_copy_is_found_and_a_similar_image_is_not(work, tmp_path):
    root, row = work
    planted = images.decode(root / 'convert/images/n02085620_8.jpg')
    (tmp_path / 'other/deep').mkdir(parents=True)
    (tmp_path / 'other/deep/copy.jpg').write_bytes(images.encode_jpeg(images.fit(planted, 100), 70))
    alike = images.fit(np.random.default_rng(5).integers(0, 255, (6, 8, 3)).astype(np.uint8), 160)
    (tmp_path / 'other/alike.jpg').write_bytes(images.encode_jpeg(alike, 90))
    found = audit_leaks.alike(coco.read(root / 'convert/test.json'), root / 'convert/images', tmp_path / 'other')
    assert found == {9: 'deep/copy.jpg'}


def test_lists_and_folders_without_anything_are_refused(work, tmp_path):
    (tmp_path / 'ids.txt').write_text('dog.jpg\n')
    with pytest.raises(InputError, match='expected ids as n02085620_10074, one a line, found none'):
        audit_leaks.ids_of(tmp_path / 'ids.txt')
    with pytest.raises(InputError, match='expected a list of images of ImageNet'):
        audit_leaks.ids_of(tmp_path / 'none.txt')
    with pytest.raises(InputError, match='expected pictures'):
        audit_leaks.alike(coco.read(work[0] / 'convert/test.json'), work[0] / 'convert/images', tmp_path)


def test_the_report_says_it(work):
    root, row = work
    audit_leaks.audit([row], root / 'audit-leaks')
    assert report.report(root, root / 'report')
    page = (root / 'report/index.html').read_text()
    assert 'Of 12 test images, 1 may have been seen before' in page and 'IMAGENET_IDS and AGAINST' in page
