"""An audit for real, a few images and one epoch a fold; what it finds on drawn features is in tests/core."""
from __future__ import annotations

import re

import pytest

from pipelines import audit, classify
from pipelines.core import json_files, lineage, manifest
from pipelines.core.workspace import Workspace
from tests.launched import cropped
from tests.written import strangers

ROW = 'resnet18_64px@full'
BRIEFLY = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1']


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory):
    return cropped(toy_dogs_coco, tmp_path_factory.mktemp('work')) / 'toy-dogs'


def test_a_row_whose_generator_saw_the_images_is_refused(work, capsys):
    assert audit.main(['--work', str(work), '--row', 'resnet18_64px@square+gan']) == 2
    assert 'expected a row without synthetic images' in capsys.readouterr().err
    assert audit.main(['--work', str(work), '--row', ROW, '--folds', '1']) == 2
    assert '--folds: expected 2 or more, found 1' in capsys.readouterr().err


@pytest.mark.mm
def test_every_image_is_judged_by_a_model_that_did_not_see_it(work, capsys):
    assert classify.main(['--data', str(work), '--out', str(work / 'classify'), '--rows', ROW, '--seeds', '0',
                          *BRIEFLY]) == 0
    ledger = (work / 'test_reads.json').read_bytes()
    arguments = ['--work', str(work), '--row', ROW, '--folds', '3', '--jobs', '1', '--unlabelled',
                 str(work / 'convert/images'), *BRIEFLY]
    assert audit.main(arguments) == 0
    out = Workspace(work).folder('audit', ROW)
    found = json_files.read(out / 'audit.json')
    listed = [row for split in ('train', 'val') for row in lineage.read_list(work / f'crop/full_{split}.json')[1]]
    assert sorted(one['image_id'] for one in found['images']) == sorted(row['image_id'] for row in listed)
    given = {row['image_id']: row['gt_label'] for row in listed}
    for one in found['images']:
        fold = work / 'models/audit' / ROW / '3-folds' / one['fold']
        parts = {split: {row['image_id'] for row in lineage.read_list(fold / f'crop/full_{split}.json')[1]}
                 for split in ('train', 'val', 'test')}
        assert [split for split, ids in parts.items() if one['image_id'] in ids] == ['test']
        assert one['given'] == given[one['image_id']] != one['suggested']
        assert set(one['nearest']) <= parts['train'] and given[one['nearest'][0]] == one['given']
        assert given[one['nearest'][1]] == one['suggested']
    assert [one['suspicion'] for one in found['images']] == sorted(
        (one['suspicion'] for one in found['images']), reverse=True)
    assert len(found['unlabelled']) == 36 and {len(one['box']) for one in found['unlabelled']} == {4}
    tasks = json_files.read(out / 'label_studio/unlabelled.json')
    assert [task['data']['file'] for task in tasks] == [one['file'] for one in found['unlabelled']]
    assert (work / 'test_reads.json').read_bytes() == ledger  # the test split was not read
    assert strangers(out, 'audit') == [] and (out / 'images').resolve() == (work / 'convert/images').resolve()
    page = (out / 'index.html').read_text()
    assert len(re.findall('<div class="suspect">', page)) >= 24 and 'cannot be shown' not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    before = manifest.load(out)
    capsys.readouterr()
    assert audit.main(arguments) == 0 and '[audit] up to date' in capsys.readouterr().out
    assert manifest.load(out) == before
