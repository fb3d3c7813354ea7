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


def _table(*changes: dict, **more) -> dict:
    rows = [dict(name='full', title='full images', change=None, top1=0.5, top1_interval=[0.4, 0.6])]
    rows += [dict(rows[0], name=change['row'], title=f'{change["row"]} crops', change=change) for change in changes]
    return dict(rows=rows, reference='full', headline='full', split='test') | more


def _change(row: str, value: float, verdict: str, reference: str = 'full', needs: int | None = None) -> dict:
    return dict(row=row, reference=reference, value=value, verdict=verdict, needs_seeds=needs,
                interval_holm=[value - 0.01, value + 0.01])


@pytest.mark.parametrize(('table', 'first', 'said'), [
    (_table(_change('box', 0.01, 'no gain shown', needs=12)), 'No change is shown to help',
     'Best on val is full images: 50.0 % on test (40.0 to 60.0). 0 of 1 change helped, each against the row that it is '
     'a change of. No gain shown: box crops (+1.0, this needs about 12 seeds).'),
    (_table(_change('box', 0.05, 'better'), _change('square', 0.03, 'better', 'box'), headline='square'),
     'Square crops: +3.0 points over box crops',
     'Best on val is square crops: 50.0 % on test (40.0 to 60.0). 2 of 2 changes helped, each against the row that it '
     'is a change of. Better: box crops (+5.0, 95 % interval +4.0 to +6.0) and square crops against box crops (+3.0, '
     '95 % interval +2.0 to +4.0).'),
    (_table(headline=None), 'Only full images has been trained', 'There is nothing to compare it with yet.')])
def test_headline(table, first, said):
    """It counts each row against the one it is a change of; of several that helped it names the one chosen on val."""
    assert verdicts.headline(table) == (first, said)


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
    best = next(row for row in table['rows'] if row['name'] == table['headline'])
    assert (len(hardest), len(everything)) == (10, 40)
    column = [row['name'] for row in table['rows']].index(best['name']) + 1
    expected = sorted(100 * share for share in best['per_class'])[:10]
    assert [float(row[column]) for row in hardest] == pytest.approx(expected, abs=0.51)
