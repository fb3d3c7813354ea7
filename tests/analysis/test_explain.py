"""make explain on trained rows: the same images for all, checked numbers, sheets that open, a resumed run."""
from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from pipelines import explain, report
from pipelines.analysis import looking, subject, summing, trained
from pipelines.analysis.sheets import WIDTH
from pipelines.core import lineage, shards
from pipelines.core.errors import InputError
from tests.analysis.conftest import ROWS
from tests.written import strangers

pytestmark = pytest.mark.mm


@pytest.fixture(scope='module')
def explained(trained_work):
    assert explain.main(['--work', str(trained_work), '--images', '9']) == 0
    return {row: json.loads((trained_work / 'explain' / row / 'explain.json').read_text()) for row in ROWS}


def test_every_row_is_seen_on_the_same_images(explained):
    full, square = explained.values()
    assert full['embedding']['image_id'] == square['embedding']['image_id']
    assert full['images'] == 9 and full['of'] == 12 and sorted(set(full['embedding']['label'])) == [0, 1, 2]
    for one in (full, square):
        assert one['layer'] == 'backbone.layer4' and {'grad-cam', 'cam'} == set(one['methods'])
        assert one['methods']['cam']['inside']['value'] == pytest.approx(one['methods']['grad-cam']['inside']['value'],
                                                                         abs=1e-4)
    assert full['methods']['grad-cam']['area']['value'] < square['methods']['grad-cam']['area']['value']


def test_sheets_can_be_looked_at(trained_work, explained):
    for row, said in explained.items():
        folder = trained_work / 'explain' / row
        assert strangers(folder, 'explain') == []
        assert {path.name for path in folder.glob('sheet_*')} == set(said['sheets']) >= {'sheet_features.jpg'}
        assert all(Image.open(folder / name).size[0] == WIDTH for name in said['sheets'])


def test_an_animal_is_where_its_box_is(trained_work):
    """In a square crop of an annotated box the animal fills the crop but for the margin, wherever padding is."""
    row = trained.rows(trained_work, [ROWS[1]])[0]
    one = subject.subject(row.runs[0], 'test')
    rows = subject.chosen(row.runs[0], 'test', 4)
    for mask, said in zip(one.animals(rows), rows):
        x1, y1, x2, y2 = said['box']
        left, top, right, bottom = said['crop']
        assert mask.shape == (64, 64)
        ratio = (min(x2, right) - max(x1, left)) * (min(y2, bottom) - max(y1, top)) / (
            (right - left) * (bottom - top))
        assert mask.mean() >= ratio - 0.05  # several animals may be in it


def test_images_come_as_the_network_takes_them(trained_work):
    """The logits of pixels are those of the predictions that were stored."""
    run = trained.rows(trained_work, [ROWS[1]])[0].runs[0]
    one, rows = subject.subject(run, 'test'), lineage.read_list(trained_work / 'crop/square_test.json')[1]
    stored = json.loads((run.tested / 'test.json').read_text())
    scores = one.logits(one.images(rows)).softmax(dim=1).numpy()
    assert stored['image_id'] == [row['image_id'] for row in rows]
    assert scores == pytest.approx(np.array(stored['scores']), abs=1e-4)
    pixels = one.images(rows[:2])
    assert one.from_pictures(one.pictures(pixels)).numpy() == pytest.approx(pixels.numpy(), abs=1e-6)


def test_an_interrupted_run_goes_on(trained_work, explained, tmp_path, monkeypatch, capfd):
    """Killed after the first shard, only the others are looked at; the result is the same."""
    monkeypatch.setattr(explain, '_SHARD', 3)
    real, calls = shards._one, []

    def once(work, batch, args, path):
        calls.append(path.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(work, batch, args, path)

    monkeypatch.setattr(shards, '_one', once)
    arguments = ['--work', str(trained_work), '--images', '9', '--rows', ROWS[0], '--out', str(tmp_path / 'explain')]
    assert explain.main(arguments) == 130
    assert explain.main(arguments) == 0
    assert calls == ['00000000.json', '00000001.json', '00000001.json', '00000002.json']
    said = json.loads((tmp_path / 'explain' / ROWS[0] / 'explain.json').read_text())
    assert said['methods'] == explained[ROWS[0]]['methods']
    assert explain.main(arguments) == 0 and 'up to date' in capfd.readouterr().out


def test_the_report_has_its_section(trained_work, explained):
    assert report.main(['--work', str(trained_work)]) == 0
    page = (trained_work / 'report/index.html').read_text()
    assert 'What the rows look at' in page and 'Does cropping change what is looked at?' in page
    assert 'python -m pipelines.explain --work WORK --images 9 --rows resnet18_64px@full --seeds 0' in page


def test_without_boxes_there_is_all_but_their_share(trained_work, tmp_path, monkeypatch):
    monkeypatch.setattr(subject.Subject, 'has_boxes', False)
    run = trained.rows(trained_work, [ROWS[0]])[0].runs[0]
    rows = subject.chosen(run, 'test', 6)
    seen = looking.looked_at(rows, run, 'test')
    assert {row['area'] for row in seen} == {None} and {row['inside']['grad-cam'] for row in seen} == {None}
    said = summing.numbers({0: seen})
    assert said['methods'] == {} and said['embedding']['image_id'] == [row['image_id'] for row in rows]
    assert set(looking.write_sheets(tmp_path, subject.subject(run, 'test'), rows, seen)) >= {'sheet_features.jpg'}


def test_a_row_that_was_not_trained_is_named(trained_work):
    with pytest.raises(InputError, match='expected rows of the table: resnet18_64px@full, resnet18_64px@square'):
        trained.rows(trained_work, ['resnet18_64px@box'])
    with pytest.raises(InputError, match='seeds that resnet18_64px@full was trained with: 0, found 7'):
        trained.rows(trained_work, [ROWS[0]], [7])


def test_features_have_the_shapes_of_their_stages(trained_work):
    one = subject.subject(trained.rows(trained_work, [ROWS[0]])[0].runs[0], 'test')
    maps = looking.feature_maps(one, one.images(subject.chosen(one.run, 'test', 1)))
    assert {name: found.shape for name, found in maps.items()}['layer4'] == (256, 2, 2)
    assert maps['maxpool'].min() >= 0  # behind a ReLU
    assert maps['bn1'].min() < 0  # in front of it: the ReLU writes into its input
