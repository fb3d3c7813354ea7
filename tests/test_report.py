from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import report
from pipelines.core import tables
from pipelines.core.manifest import load
from pipelines.reporting import page as pages
from pipelines.reporting import words
from tests import fake_work
from tests.reporting.html_page import Page


@pytest.fixture(scope='module')
def work(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('work') / 'toy-dogs'
    fake_work.everything(root)
    assert report.main(['--work', str(root)]) == 0
    return root


@pytest.fixture(scope='module')
def html(work) -> str:
    return (work / 'report/index.html').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def page(html) -> Page:
    return Page(html)


@pytest.fixture(scope='module')
def table(work) -> dict:
    return json.loads((work / 'classify/table.json').read_text())


def numbers(cell: str) -> list[float]:
    return [float(text.replace('−', '-')) for text in re.findall(r'[+−]?\d+\.\d+', cell)]


def rounded(*shares: float) -> list[float]:
    return [round(100 * share, 1) for share in shares]


def test_table_shows_the_numbers_of_table_json(page, table):
    rows = page.tables['table'][1:]
    assert [row[0] for row in rows] == [row['title'] for row in table['rows']]
    for shown, row in zip(rows, table['rows']):
        assert shown[1] == str(row['train_images'])
        assert numbers(shown[2]) == rounded(row['val']['top1'], *row['val']['top1_interval'])
        assert numbers(shown[3]) == rounded(row['top1'], *row['top1_interval'])
        assert numbers(shown[4]) == rounded(row['top5'])
        assert numbers(shown[5]) == rounded(row['balanced_accuracy'], *row['balanced_accuracy_interval'])
        assert numbers(shown[6]) == rounded(row['macro_f1'], *row['macro_f1_interval'])


def test_what_networks_cost_is_shown_where_it_is_known(page, table):
    known = [row for row in table['rows'] if row['cost']]
    assert len(known) == len(table['rows']) - 1
    shown = page.tables['costs']
    assert [row[1:5] for row in shown[1:]] == [['11.2', '0.56', '96 x 64', '123']] * len(known)
    assert 'on a CPU, 2 threads, float32, batch 8: other machines' in page.text


def test_classes_with_few_images_are_shown_apart(tmp_path):
    table = fake_work.everything(tmp_path)
    part = dict(classes=2, images=[3, 40], top1=.25, interval=[.2, .3], change=dict(value=-.05, interval=[-.1, 0.]))
    table['rows'][1]['shots'] = dict(many=dict(part, change=None), few=part)
    (tmp_path / 'classify/table.json').write_text(json.dumps(table))
    shown = Page(pages.html(tmp_path)).tables['shots']
    assert shown[0] == ['trained on', 'many 40 to 3', 'few 40 to 3'] and len(shown) == 2
    assert shown[1][1:] == ['25.0 20.0 to 30.0', '25.0 20.0 to 30.0 −5.0 (−10.0 to 0.0)']


def test_every_comparison_is_shown_with_its_verdict(page, table):
    titles = {row['name']: row['title'] for row in table['rows']}
    changes, others = [rows[1:] for rows in page.tables.values() if rows[0][:2] == ['row', 'against']]
    wanted = [row['change'] for row in table['rows'] if row['change']]
    assert [(one['row'], one['reference']) for one in wanted] == [('box', 'full'), ('synth', 'square'),
                                                                  ('scratch', 'square')]
    pairs = {(row['row'], row['reference']) for row in wanted}
    rest = [row['difference'] for row in table['rows'][1:] if (row['name'], 'full') not in pairs]
    for shown, one in zip([*changes, *others], [*wanted, *rest], strict=True):
        assert shown[:2] == [titles[one['row']], titles[one['reference']]]
        assert numbers(shown[2]) == rounded(one['value'], *one['interval_holm'])
        assert shown[3] == tables.p_value(one['p_holm'])
        assert shown[4].split(' ', 1)[1].startswith(one['verdict'])
    assert {one['verdict'] for one in wanted} == {'better', 'worse', 'no gain shown'}
    assert 'Not compared: square crops with margin, as no row of this table is called margin.' in page.text
    assert 'read 24 times by trained models' in page.text and 'earlier tables included (9).' in page.text


def test_headline_names_what_helped(page, table):
    box, square = table['rows'][1:3]
    assert f'Box crops: {words.points(box["change"]["value"])} points over full images' in page.text
    assert f'Best on val is box crops: {words.percent(box["top1"])} % on test (' in page.text
    assert '1 of 3 changes helped, each against the row that it is a change of. Better: box crops (' in page.text
    assert 'No gain shown: square crops + synthetic against square crops (' in page.text
    assert square['change'] is None


def test_one_seed_and_a_test_split_that_stays_shut_are_said(tmp_path):
    for name, more, said in (('one', dict(seeds=(0,)), ['One seed gives no verdict: train more', 'one seed: no verdict',
                                                        'No verdict with one seed: box crops (']),
                             ('shut', dict(tested=False), ['Test has not been read: every figure here is of val.',
                                                           'Top-1 on val'])):
        fake_work.classify(tmp_path / name, **more)
        report.report(tmp_path / name, tmp_path / name / 'report')
        text = Page((tmp_path / name / 'report/index.html').read_text(encoding='utf-8')).text
        assert all(words in text for words in said), text
    assert 'test images' not in text and 'ever made on this test split' not in text


def test_confused_pairs_are_those_of_the_matrix(page, table):
    confusion = np.array(table['rows'][1]['confusion'])
    off = confusion - np.diag(confusion.diagonal())
    shown = page.tables['pairs'][1:]
    assert len(shown) == min((off > 0).sum(), 10)
    for true, predicted, count, _ in shown:
        assert off[fake_work.BREEDS.index(true), fake_work.BREEDS.index(predicted)] == int(count)
    assert int(shown[0][2]) == off.max()


def test_stages_show_their_numbers(page):
    cells = [row for rows in page.tables.values() for row in rows]
    assert ['train', '1,060', '1,062', '2', '1', '0', '3'] in cells
    assert ['test', '120', '87.6', '3', '61.2', '95.1', '70.2'] in cells
    assert ['train', '1,060', '99.1', '0', '–', '–', '–'] in cells
    assert ['nothing found: whole image', '0', '0', '1'] in cells
    assert ['trained on these, read on val', '73.3 % [68.0, 78.0]', '41.2 % [35.0, 47.0]',
            'top-1, 95 % interval over seeds and images'] in cells
    assert 'A sign of collapse: KID is 36 times that of held-out real images (most: 10).' in page.text
    assert ['brown beagle', '–', '–'] in cells
    assert ['crop', 'python -m pipelines.crop --coco WORK/convert --out WORK/crop --detections '
                    'WORK/detect/detections.json --boxes train=gt,val=det,test=det --kinds full box square'] in cells
    assert ['detect', 'python -m pipelines.detect --coco WORK/convert --out WORK/detect '
                      '--config faster-rcnn.py --seed 0'] in cells
    assert ['convert', 'python -m data_converters.convert --raw RAW --out WORK/convert '
                       '--dataset toy-dogs --seed 0'] in cells


def test_pictures_are_inside_the_page_and_decode(page, html):
    sources = page.sources()
    assert len(sources) == 2 + 8 * 3 + 3  # detection sheets, crop samples, grids and nearest images
    for source in sources:
        head, content = source.split(',', 1)
        assert head == 'data:image/jpeg;base64'
        Image.open(io.BytesIO(base64.b64decode(content))).load()
    assert len(html) < 5_000_000


def test_page_needs_no_network_and_no_script(page, html):
    assert 'http://' not in html and 'https://' not in html and '@import' not in html
    assert not {'script', 'link', 'iframe'} & {tag for tag, _ in page.tags}
    for _, attrs in page.tags:
        for name in ('href', 'xlink:href', 'src'):
            assert attrs.get(name, '#').startswith(('#', 'data:')), attrs


def test_links_and_ids_fit(page):
    """The figures' ids, too: every reference has exactly one target."""
    ids = [attrs['id'] for _, attrs in page.tags if 'id' in attrs]
    targets = [attrs[name][1:] for _, attrs in page.tags for name in ('href', 'xlink:href')
               if attrs.get(name, '').startswith('#')]
    assert set(targets) <= set(ids)
    assert all(ids.count(target) == 1 for target in set(targets))


def test_names_and_configs_are_escaped(page, html):
    assert '<collie>' not in html and 'blue <collie> & $co$' in page.text
    assert "model = dict(type='classify/box-seed0')  # lr < 0.1 & so on" in page.text


def test_up_to_date_and_the_same_bytes(work, html, tmp_path, capsys):
    assert report.main(['--work', str(work)]) == 0
    assert '[report] up to date' in capsys.readouterr().out
    report.report(work, tmp_path / 'report')
    assert (tmp_path / 'report/index.html').read_text(encoding='utf-8') == html
    assert load(tmp_path / 'report') == load(work / 'report')


@pytest.mark.parametrize('ran', ['convert', 'detect', 'crop', 'synth', 'classify'])
def test_one_stage_is_enough(tmp_path, ran):
    root = tmp_path / 'dogs'
    getattr(fake_work, ran)(root)
    assert report.main(['--work', str(root)]) == 0
    text = Page((root / 'report/index.html').read_text(encoding='utf-8')).text
    for stage in ('convert', 'detect', 'crop', 'synth', 'classify'):
        assert (f'make {stage} DATASET=dogs' in text) == (stage != ran)
    assert ('Stanford Dogs come from ImageNet' in text) == (ran == 'convert')


@pytest.mark.parametrize(('path', 'content', 'said'), [
    ('classify/table.json', '{"classes": []}', 'found no seeds, reference, headline'),
    ('detect/metrics.json', '{"config', 'expected JSON'),
    ('models/detect/x/metrics.jsonl', '{"step": 1}\n{"st', 'metrics.jsonl:2: expected a JSON object')])
def test_damaged_result_is_named(work, tmp_path, capsys, path, content, said):
    fake_work.detect(tmp_path)
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    assert report.main(['--work', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error and str(file) in error and 'make ' in error
    assert not (tmp_path / 'report').exists()


def test_nothing_at_all_is_an_error(tmp_path, capsys):
    assert report.main(['--work', str(tmp_path / 'typo')]) == 2
    assert 'typo: expected the results of at least one stage, found none' in capsys.readouterr().err
