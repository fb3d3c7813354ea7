"""The gate's section of the page."""
from __future__ import annotations

import re

import pytest

from pipelines.reporting import page
from pipelines.reporting.sections import gate
from tests import fake_work
from tests.reporting.html_page import Page


@pytest.fixture(scope='module')
def shown(tmp_path_factory) -> Page:
    root = tmp_path_factory.mktemp('work') / 'toy-dogs'
    fake_work.gate(root)
    return Page(page.html(root))


def test_the_answer_is_a_sentence(shown):
    assert 'Synthetic images help: mixed (+3.4 points, in place of 30 % of the real images).' in shown.text
    content = dict(generators=[dict(name='a', verdict='collapsed'), dict(name='b', verdict='undecided')])
    assert gate.sentence(content) == 'No synthetic images are let in: a is collapsed; b is undecided.'


def test_verdicts_gains_power_shares_and_seconds(shown):
    cells = [row for rows in shown.tables.values() for row in rows]
    assert ['mixed', '0.3', '+3.4', '+1.4', '+5.4'] in cells
    assert any(row[0] == 'y' and row[1].startswith('collapsed') and 'KID is 36 times' in row[2] for row in cells)
    assert any(row[0].startswith('1-NN two-sample test') and row[1:] == ['52.0 %', '81.0 %', '81.0 %'] for row in cells)
    assert ['brown beagle', '–'] in cells and ['red fox-terrier', '90.0'] in cells
    assert 'With 120 held-out images a gain of 2.6 points would have been seen.' in shown.text
    assert 'Of mixed 80.0 % are kept' in shown.text
    assert 'Spent: 15 trainings, 1,234 s of training in all.' in shown.text
    assert re.search(r'mixed: use', shown.text)


def test_figures_alone_are_said_to_be_that(tmp_path):
    content = fake_work.gate(tmp_path / 'toy-dogs')
    for one in content['generators']:
        one.update(gains=[], kept=None, verdict='undecided')
    fake_work._json(tmp_path / 'toy-dogs/gate/gate.json', dict(content, trained=False))
    text = Page(page.html(tmp_path / 'toy-dogs')).text
    assert 'Figures alone' in text and 'Kept of every class' not in text
