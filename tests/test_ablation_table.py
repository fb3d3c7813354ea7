from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines import classify
from pipelines.core import comparison, json_files
from pipelines.core.rows import Row
from pipelines.runs import Run
from tools import ablation_table

CLASSES, SEEDS, COUNT = ['a', 'b', 'c'], (0, 1), 60


@pytest.fixture(scope='module')
def result(tmp_path_factory):
    """A classify result of four shipped configs: right on 50, 55, 35 and 58 of 60 images, seed 1 on one more."""
    from pipelines.openmm.engine import config as mm
    work = tmp_path_factory.mktemp('work')
    folder, models, entries, results = work / 'classify', work / 'models' / 'classify', [], {}
    (folder / 'predictions').mkdir(parents=True)
    label = np.arange(COUNT) % len(CLASSES)
    for images, right in (('full', 50), ('box', 55), ('square', 35), ('square+gan', 58)):
        row = Row.parse(f'resnet18_64px@{images}')
        entries.append(classify.entry(row))
        for seed in SEEDS:
            predicted = np.where(np.arange(COUNT) < right + seed, label, (label + 1) % len(CLASSES))
            content = dict(classes=CLASSES, image_id=list(range(COUNT)), label=label.tolist(), best_epoch=3,
                           scores=np.eye(len(CLASSES))[predicted].tolist(), train_images=30)
            run = Run(work, row, seed, models)
            run.folder.mkdir(parents=True)
            (folder / 'predictions' / f'{run.name}.json').write_text(json.dumps(content))
            cfg = mm.load(row.config, data_root=work, num_classes=len(CLASSES), images=row.images)
            (run.folder / 'config.py').write_text(cfg.pretty_text)
            results.setdefault(row.name, {})[seed] = content
    json_files.write(folder / 'table.json', comparison.tabulate(entries, results))
    return folder


def test_a_row_shows_what_it_changed_and_what_came_of_it(result):
    rows = {row['name']: row for row in ablation_table.read(result, result.parent / 'models/classify')['rows']}
    assert {name: row['parent'] for name, row in rows.items()} == {
        'resnet18_64px@full': None, 'resnet18_64px@box': 'resnet18_64px@full',
        'resnet18_64px@square': 'resnet18_64px@full', 'resnet18_64px@square+gan': 'resnet18_64px@square'}
    assert rows['resnet18_64px@full']['changes'] == [] and rows['resnet18_64px@full']['difference'] is None
    assert rows['resnet18_64px@box']['changes'] == [
        (f'{split}_dataloader.dataset.ann_file', f"'crop/full_{split}.json'", f"'crop/box_{split}.json'")
        for split in ('test', 'train', 'val')]
    changed = {key: (before, after) for key, before, after in rows['resnet18_64px@square+gan']['changes']}
    assert changed['train_dataloader.dataset.type'] == ("'BaseDataset'", "'WithSynthetic'")
    assert changed['train_dataloader.dataset.ratio'] == (None, '1.0')
    assert not any(key.startswith(('val_', 'test_', 'model')) for key in changed)
    gains = {name: round(row['difference']['value'] * COUNT) for name, row in rows.items() if row['difference']}
    assert gains == {'resnet18_64px@box': 5, 'resnet18_64px@square': -15, 'resnet18_64px@square+gan': 23}
    assert rows['resnet18_64px@square+gan']['difference']['verdict'] == 'better'


def test_changes_of_lists_and_numbers():
    flip, grey, load = dict(type='Flip', prob=0.5), dict(type='Grey'), dict(type='Load')
    before = dict(steps=[load, flip], lr=0.1, decay=0., same=(1, 2))
    after = dict(steps=[load, grey, flip], lr=0.2, same=(1, 2), clip=None)
    assert list(ablation_table.changes(before, after)) == [
        ('clip', None, 'None'), ('decay', '0.0', None), ('lr', '0.1', '0.2'), ('steps.1', None, "{'type': 'Grey'}")]
    assert list(ablation_table.changes(dict(steps=[load, flip]), dict(steps=[load, dict(flip, prob=1.)]))) == [
        ('steps.1.prob', '0.5', '1.0')]


def test_text_and_page(result, tmp_path, capsys):
    page = tmp_path / 'ablations.html'
    assert ablation_table.main([str(result), '--html', str(page)]) == 0
    text = capsys.readouterr().out
    assert 'ResNet-18 at 64 px, box crops: top-1 92.5 [' in text
    assert '  against ResNet-18 at 64 px, full images: +8.3 [' in text
    assert "    test_dataloader.dataset.ann_file: 'crop/full_test.json' -> 'crop/box_test.json'" in text
    html = page.read_text()
    assert html.count('<tr data-row=') == 4 and 'corrected for 4 comparisons' in html
    assert '<code>train_dataloader.dataset.ratio</code>: not set → 1.0' in html


def test_without_a_result_the_way_is_named(tmp_path, capsys):
    assert ablation_table.main([str(tmp_path)]) == 2
    assert 'expected a result of classify, with table.json' in capsys.readouterr().err
