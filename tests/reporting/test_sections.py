from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from data_converters.registry import READERS
from pipelines import report
from pipelines.reporting import page, section, sections
from pipelines.reporting.sections import data
from tests import fake_work
from tests.reporting.html_page import Page

MODULE = '''
from pipelines.reporting.found import Result
from pipelines.reporting.section import Section

SCORES = Result('attack', ('attack/*/scores.json',), ('robust',), 'pipelines.attack',
                'python -m pipelines.attack --out {folder}')


def render(found):
    rows = [(one.name, one.content['robust']) for one in found.all(SCORES)]
    return dict(rows=rows, facts=[('robust', '1 %')], notes=['An attack is <strong> where it is.'])


SECTION = Section(65, 'Attacks', (SCORES,), render, optional=True)
'''
TEMPLATE = '{% for name, share in rows %}<p>{{ name }} {{ share | percent }} of {{ found.dataset }}</p>{% endfor %}'


def read(root: Path) -> Page:
    assert report.report(root, root / 'report')
    return Page((root / 'report/index.html').read_text(encoding='utf-8'))


@pytest.fixture
def more(tmp_path, monkeypatch) -> Path:
    """A folder whose modules are sections, too."""
    folder = tmp_path / 'sections'
    folder.mkdir()
    monkeypatch.setattr(sections, '__path__', [*sections.__path__, str(folder)])
    return folder


def test_a_new_section_is_two_files(more, tmp_path):
    (more / 'attacks.py').write_text(MODULE)
    (more / 'attacks.html.j2').write_text(TEMPLATE)
    names = list(section.discover())
    assert names.index('synthesis') < names.index('attacks') < names.index('training')
    assert {'result', 'classes', 'data', 'detection', 'crops'} <= {*names}
    root = tmp_path / 'toy-dogs'
    fake_work.convert(root)
    shown = read(root)
    assert 'What else can be run' in shown.text and 'make attack DATASET=toy-dogs' in shown.text
    for name, share in (('fgsm', 0.123), ('pgd', 0.045)):
        (root / 'attack' / name).mkdir(parents=True)
        (root / 'attack' / name / 'scores.json').write_text(json.dumps(dict(robust=share)))
    shown = read(root)  # again, for what it reads changed
    assert 'make attack' not in shown.text
    assert re.search(r'fgsm 12.3 of toy-dogs\s*pgd 4.5 of toy-dogs', shown.text)
    assert 'An attack is <strong> where it is.' in shown.text and 'Attacks' in shown.text
    assert {'sections/attacks.html.j2', 'sections/attacks.py'} <= page.inputs(root).keys()


def test_every_generator_has_its_block(tmp_path):
    root = tmp_path / 'toy-dogs'
    for name in ('biggan-deep_64px', 'dcgan_64px'):
        fake_work.synth(root, name)
    (root / 'synth/.dcgan_64px.staging').mkdir()
    (root / 'synth/.dcgan_64px.staging/metrics.json').write_text('{')  # a build under way
    shown = read(root)
    assert len(shown.sources()) == 6
    assert shown.text.index('biggan-deep_64px\n') < shown.text.index('dcgan_64px\n')
    cells = [row for rows in shown.tables.values() for row in rows]
    for name in ('biggan-deep_64px', 'dcgan_64px'):
        assert [f'synth/{name}', 'OMP_NUM_THREADS=1 python -m pipelines.synth --crops WORK/crop '
                                 f'--out WORK/synth/{name} --config mm_configs/synth/toy-dogs/{name}.py'] in cells


def test_rows_are_named_by_recipe_and_images(tmp_path):
    """Their trainings are found, those of rows that the table does not have are left out."""
    root, row = tmp_path / 'toy-dogs', 'resnet18_64px@square-m30+biggan-deep_64px-x50'
    fake_work.classify(root)
    table = (root / 'classify/table.json').read_text()
    for run in ('box-seed0', 'box-seed1', 'box-seed2'):
        (root / 'models/classify' / run).rename(root / 'models/classify' / run.replace('box', row))
    (root / 'classify/table.json').write_text(table.replace('"box"', f'"{row}"'))
    fake_work.model(root, 'classify/other@full-seed0', ('loss',), None)
    shown = read(root)
    assert "model = dict(type='classify/box-seed0')" in shown.text and f'classify/{row}-seed0' in shown.text
    assert 'other@full' not in shown.text
    assert shown.text.count('top1 on val') == 5  # a panel each


@pytest.mark.parametrize(('dataset', 'layout', 'said'), [
    ('my-dogs', 'stanford-dogs', 'Stanford Dogs come from ImageNet'), ('birds', 'cub', 'authors of CUB-200-2011 warn'),
    ('dogs', 'class-folders', ''), ('toy-dogs', 'stanford-dogs', '')])
def test_notes_follow_the_layout(tmp_path, dataset, layout, said):
    root = tmp_path / dataset
    fake_work.convert(root, layout=layout)
    text = read(root).text
    assert said in text and bool(said) == ('ImageNet' in text)
    assert f'Layout of the raw data: {layout}.' in text
    assert data.NOTES.keys() < READERS.keys()


@pytest.mark.parametrize(('drawn', 'said'), [
    (['val'], 'gives them: train and test. Drawn from the train images, class by class, by the seed: val ('),
    (['val', 'test'], 'gives them: train. Drawn from the train images, class by class, by the seed: val and test ('),
    ([], 'gives them: train, val and test. val is there')])
def test_where_the_splits_came_from_is_said(tmp_path, drawn, said):
    root = tmp_path / 'mushrooms'
    fake_work.convert(root, drawn=drawn, remarks=['3 of 9 boxes (33.3%) are below 2 pixels'], duplicates=2)
    text = read(root).text
    assert said in text and '3 of 9 boxes (33.3%) are below 2 pixels.' in text
    assert '2 images are in two splits or have two labels' in text
