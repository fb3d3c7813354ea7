from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import classify
from pipelines.core import json_files, manifest
from pipelines.core.cropping import parse_kinds
from tools import ablation_table

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'mm_configs/classify/toy-dogs'
CLASSES, SEEDS, COUNT = ['a', 'b', 'c'], (0, 1), 60


@pytest.fixture(scope='module')
def result(tmp_path_factory):
    """A classify result of four shipped configs: right on 50, 55, 35 and 58 of the 60 images, with both seeds."""
    from pipelines.openmm.engine import config as mm
    work = tmp_path_factory.mktemp('work')
    folder, models, runs = work / 'classify', work / 'models' / 'classify', []
    (folder / 'predictions').mkdir(parents=True)
    label = np.arange(COUNT) % len(CLASSES)
    for name, right in (('full', 50), ('box', 55), ('square', 35), ('square_synth', 58)):
        config = CONFIGS / f'resnet18_{name}.py'
        predicted = np.where(np.arange(COUNT) < right, label, (label + 1) % len(CLASSES))
        content = dict(classes=CLASSES, image_id=list(range(COUNT)), label=label.tolist(), best_epoch=3,
                       scores=np.eye(len(CLASSES))[predicted].tolist(), train_images=30)
        for seed in SEEDS:
            run = classify.Run(work, config, seed, models)
            run.folder.mkdir(parents=True)
            (run.folder / 'test.json').write_text(json.dumps(content))
            (folder / 'predictions' / f'{run.name}.json').write_text(json.dumps(content))
            cfg = mm.load(config, data_root=work, num_classes=len(CLASSES))
            (run.folder / 'config.py').write_text(cfg.pretty_text)
            runs.append(run)
    json_files.write(folder / 'table.json', classify.tabulate(runs))
    return folder


def test_a_row_shows_what_it_changed_and_what_came_of_it(result):
    rows = {row['name']: row for row in ablation_table.read(result, result.parent / 'models/classify')['rows']}
    assert {name: row['parent'] for name, row in rows.items()} == {
        'resnet18_full': None, 'resnet18_box': 'resnet18_full', 'resnet18_square': 'resnet18_full',
        'resnet18_square_synth': 'resnet18_square'}
    assert rows['resnet18_full']['changes'] == [] and rows['resnet18_full']['difference'] is None
    assert rows['resnet18_box']['changes'] == [
        (f'{split}_dataloader.dataset.ann_file', f"'crop/full_{split}.json'", f"'crop/box_{split}.json'")
        for split in ('test', 'train', 'val')]
    changed = {key: (before, after) for key, before, after in rows['resnet18_square_synth']['changes']}
    assert changed['train_dataloader.dataset.type'] == ("'BaseDataset'", "'WithSynthetic'")
    assert changed['train_dataloader.dataset.ratio'] == (None, '1.0')
    assert not any(key.startswith(('val_', 'test_', 'model')) for key in changed)
    gains = {name: round(row['difference']['value'] * COUNT) for name, row in rows.items() if row['difference']}
    assert gains == {'resnet18_box': 5, 'resnet18_square': -15, 'resnet18_square_synth': 23}
    assert rows['resnet18_square_synth']['difference']['verdict'] == 'better'


def test_the_parent_is_the_nearest_that_is_a_row():
    rows = {CONFIGS / 'resnet18_full.py': 'full', CONFIGS / 'resnet18_square_synth.py': 'synth'}
    assert ablation_table.parent_row(CONFIGS / 'resnet18_square_synth.py', rows) == 'full'
    assert ablation_table.parent_row(CONFIGS / 'resnet18_full.py', rows) is None


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
    assert 'Box crops: top-1 91.7 [' in text
    assert '  against Full images: +8.3 [' in text
    assert "    test_dataloader.dataset.ann_file: 'crop/full_test.json' -> 'crop/box_test.json'" in text
    html = page.read_text()
    assert html.count('<tr data-row=') == 4 and 'corrected for 3 comparisons' in html
    assert '<code>train_dataloader.dataset.ratio</code>: not set → 1.0' in html


def test_without_a_result_the_way_is_named(tmp_path, capsys):
    assert ablation_table.main([str(tmp_path)]) == 2
    assert 'expected a result of classify, with table.json' in capsys.readouterr().err


def test_a_margin_ablation_reads_crops_of_its_own(toy_dogs_coco, tmp_path):
    """The lines that resnet50_square_margin30.py has, on the toys: its training is redone when those crops change."""
    from pipelines import crop
    lines = (ROOT / 'mm_configs/classify/dogs/resnet50_square_margin30.py').read_text().split("compared_with")[1]
    config = tmp_path / 'margin.py'
    config.write_text(f"_base_ = '{CONFIGS / 'resnet18_square.py'}'\ncompared_with{lines}")
    crop.crop(toy_dogs_coco, tmp_path / 'crop', kinds=parse_kinds(['square', 'square-m30']),
              by_split=crop.parse_boxes('gt'), size=64)
    inputs = classify.Run(tmp_path, config, 0, tmp_path / 'models').inputs()
    assert sorted(inputs) == ['crop/square-m30', *(f'crop/square-m30_{split}.json'
                                                   for split in ('test', 'train', 'val'))]
    assert inputs['crop/square-m30']['sha256'] == manifest.recorded(tmp_path / 'crop')['square-m30']['sha256']
