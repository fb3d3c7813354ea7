from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import report
from pipelines.core import tables
from pipelines.core.manifest import load
from pipelines.reporting import figures, words
from pipelines.reporting.found import Model
from tests import fake_work

VOID = {'meta', 'img', 'br', 'link', 'input', 'hr', 'path', 'use', 'image'}


class Page(HTMLParser):
    """Tables as rows of cell texts, attributes of every tag, and whether every tag is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.tables, self.text = [], [], {}, ''
        self._rows = self._cell = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'table':
            self._rows = self.tables.setdefault(dict(attrs).get('id', len(self.tables)), [])
        elif tag == 'tr':
            self._rows.append([])
        elif tag in ('td', 'th'):
            self._rows[-1].append('')
            self._cell = True

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag in ('td', 'th'):
            self._cell = False

    def handle_data(self, data):
        if 'style' not in self.open:
            self.text += data
        if self._cell:
            self._rows[-1][-1] = ' '.join((self._rows[-1][-1] + ' ' + data).split())

    def sources(self) -> list[str]:
        return [attrs['src'] for tag, attrs in self.tags if tag == 'img']


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
        assert numbers(shown[2]) == rounded(row['top1'], *row['top1_interval'])
        assert numbers(shown[3]) == rounded(row['top5'])
        assert numbers(shown[4]) == rounded(row['macro_f1'], *row['macro_f1_interval'])
        if row['difference']:
            assert numbers(shown[5]) == rounded(row['difference']['value'], *row['difference']['interval'])
            assert shown[6] == tables.p_value(row['difference']['p_holm'])
            assert shown[7].split(' ', 1)[1] == row['difference']['verdict']
        else:
            assert (row['name'], shown[5:]) == ('full', ['–', '–', 'reference'])
    assert {row['difference']['verdict'] for row in table['rows'][1:]} == {'better', 'worse', 'no gain shown'}


def test_headline_names_what_helped(page, table):
    box = table['rows'][1]
    assert f'Box crops: {words.points(box["difference"]["value"])} points over full images' in page.text
    assert '1 of 4 changes helped. No gain shown: square crops (' in page.text


def test_confused_pairs_are_those_of_the_matrix(page, table):
    confusion = np.array(table['rows'][1]['confusion'])
    off = confusion - np.diag(confusion.diagonal())
    shown = page.tables['pairs'][1:]
    assert len(shown) == min((off > 0).sum(), 10)
    for true, predicted, count, _ in shown:
        assert off[fake_work.BREEDS.index(true), fake_work.BREEDS.index(predicted)] == int(count)
    assert int(shown[0][2]) == off.max()


def test_the_make_line_names_configs_and_seeds():
    from pipelines.reporting import words
    manifests = {'detect': {'parameters': {'config': 'a.py'}}, 'synth': {'parameters': {'config': 'b.py'}},
                 'classify': {'parameters': {'rows': ['c.py', 'd.py'], 'seeds': [0, 1]}}}
    assert words.make_line('cub', manifests) == ('make report DATASET=cub RAW=RAW DETECT_CONFIG=a.py SYNTH_CONFIG=b.py '
                                                 'ROWS="c.py d.py" SEEDS="0 1"')
    assert words.make_line('toy-dogs', {}) == 'make report DATASET=toy-dogs'


def test_stages_show_their_numbers(page):
    cells = [row for rows in page.tables.values() for row in rows]
    assert ['train', '1,060', '1,062', '2', '1', '0', '3'] in cells
    assert ['test', '120', '87.6', '3', '61.2', '95.1', '70.2'] in cells
    assert ['train', '1,060', '99.1', '0', '–', '–', '–'] in cells
    assert ['nothing found: whole image', '0', '0', '1'] in cells
    assert 'trained on synthetic images alone gets 41.2 % of the real val images right' in page.text
    assert ['crop', 'python -m pipelines.crop --coco WORK/convert --detections WORK/detect/detections.json '
                    '--out WORK/crop --boxes train=gt,test=det --kinds full box square'] in cells
    assert ['detect', 'python -m pipelines.detect --coco WORK/convert --out WORK/detect '
                      '--config faster-rcnn.py --seed 0'] in cells
    assert ['convert', 'python -m data_converters.convert --raw RAW --out WORK/convert '
                       '--dataset toy-dogs --seed 0'] in cells


def test_pictures_are_inside_the_page_and_decode(page, html):
    sources = page.sources()
    assert len(sources) == 2 + 8 * 3 + 2  # detection sheets, crop samples, grids
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


def test_drawn_box_is_where_the_list_says(work):
    from pipelines.reporting import found, pictures

    first = pictures.crop_samples(found.read(work))[0]
    content = base64.b64decode(first['full'].split(',')[1])
    picture = np.asarray(Image.open(io.BytesIO(content)).convert('RGB')).astype(int)
    x1, y1, x2, y2 = json.loads((work / 'crop/box_train.json').read_text())['data_list'][0]['box']
    assert picture.shape == (120, 160, 3)
    for x, y in ((x1, (y1 + y2) // 2), (x2, (y1 + y2) // 2), ((x1 + x2) // 2, y1), ((x1 + x2) // 2, y2)):
        around = picture[y - 2:y + 3, x - 2:x + 3].reshape(-1, 3)
        assert np.abs(around - [0x2a, 0x9d, 0x5c]).sum(axis=1).min() < 60


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
    assert 'Stanford Dogs come from ImageNet' in text


def test_many_classes_show_the_ten_hardest(tmp_path):
    root = tmp_path / 'cub'
    table = fake_work.classify(root, [f'{i:03d}.Bird_{i}' for i in range(1, 41)], count=200)
    report.report(root, root / 'report')
    page = Page((root / 'report/index.html').read_text(encoding='utf-8'))
    hardest, everything = [rows[1:] for rows in page.tables.values() if rows[0][0] == 'class']
    best = max(table['rows'], key=lambda row: row['top1'])
    assert (len(hardest), len(everything)) == (10, 40)
    column = [row['name'] for row in table['rows']].index(best['name']) + 1
    expected = sorted(100 * share for share in best['per_class'])[:10]
    assert [float(row[column]) for row in hardest] == pytest.approx(expected, abs=0.51)


@pytest.mark.parametrize(('path', 'content', 'said'), [
    ('classify/table.json', '{"classes": []}', 'found no seeds, reference, rows'),
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


def test_words():
    assert [words.points(v) for v in (0.063, -0.0125, 0.0004, -0.0004)] == ['+6.3', '−1.2', '0.0', '0.0']
    assert [tables.p_value(p) for p in (0.0009, 0.05, 1)] == ['< 0.001', '0.050', '1.000']
    assert words.listing(['a', 'b', 'c']) == 'a, b and c'


def test_headline_without_a_gain():
    rows = [dict(name='full', title='full images', difference=None),
            dict(name='box', title='box crops',
                 difference=dict(value=0.01, interval=[-0.02, 0.04], verdict='no gain shown'))]
    assert words.headline(dict(rows=rows, reference='full')) == (
        'No change is shown to help over full images', '0 of 1 changes helped. No gain shown: box crops (+1.0).')
    assert words.headline(dict(rows=rows[:1], reference='full'))[0] == 'Only full images has been trained'


def test_curves_thin_long_series_but_keep_the_last_point():
    model = Model('detect', [dict(step=i, loss=1 / i) for i in range(1, 10001)], '')
    steps, losses = figures._series(model, 'loss')
    assert len(steps) == 300 and steps == sorted(steps)
    assert (steps[0], losses[0], steps[-1], losses[-1]) == (1, 1, 10000, 1 / 10000)
