from __future__ import annotations

import pytest

from pipelines import report
from pipelines.core import tables
from pipelines.reporting import figures, verdicts, words
from pipelines.reporting.found import Model
from tests import fake_work
from tests.reporting.html_page import Page


def test_words():
    assert [words.points(v) for v in (0.063, -0.0125, 0.0004, -0.0004)] == ['+6.3', '−1.2', '0.0', '0.0']
    assert [tables.p_value(p) for p in (0.0009, 0.05, 1)] == ['< 0.001', '0.050', '1.000']
    assert words.listing(['a', 'b', 'c']) == 'a, b and c'
    assert [words.name(text) for text in ('001.Black_footed_Albatross', 'toy_poodle')] == ['Black footed Albatross',
                                                                                             'toy poodle']


def test_headline_without_a_gain():
    rows = [dict(name='full', title='full images', difference=None),
            dict(name='box', title='box crops',
                 difference=dict(value=0.01, interval_holm=[-0.02, 0.04], p_holm=0.5, verdict='no gain shown'))]
    changes = dict(count=1, better=0)
    assert verdicts.headline(dict(rows=rows, reference='full', changes=changes)) == (
        'No change is shown to help over full images', '0 of 1 changes helped. No gain shown: box crops (+1.0).')
    alone = verdicts.headline(dict(rows=rows[:1], reference='full', changes=changes))
    assert alone[0] == 'Only full images has been trained'


def test_curves_thin_long_series_but_keep_the_last_point():
    model = Model('detect', [dict(step=i, loss=1 / i) for i in range(1, 10001)], '', {})
    steps, losses = figures._series(model, 'loss')
    assert len(steps) == 300 and steps == sorted(steps)
    assert (steps[0], losses[0], steps[-1], losses[-1]) == (1, 1, 10000, 1 / 10000)


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
