from __future__ import annotations

import numpy as np
import pytest

from pipelines.core import comparison
from pipelines.core.comparison import Row
from pipelines.core.errors import InputError

CLASSES, IMAGES, SEEDS = ['a', 'b', 'c'], 200, (0, 1, 2)


def runs(wrong: int, images: int = IMAGES, seeds=SEEDS, first: int = 0) -> dict[int, dict]:
    """Seeds that err on about ``wrong`` images, the same ones but for one or two."""
    label = np.arange(images) % len(CLASSES)
    result = {}
    for seed in seeds:
        predicted = np.where(np.arange(images) < wrong + seed % 3, (label + 1) % len(CLASSES), label)
        result[seed] = dict(classes=CLASSES, image_id=list(range(first, first + images)), label=label.tolist(),
                            scores=np.eye(len(CLASSES))[predicted].tolist(), best_epoch=seed + 5, train_images=90)
    return result


ROWS = [Row('full', 'Full images', 'full.py'), Row('square', 'Square crops', 'square.py', ('full',)),
        Row('synth', 'Synthetic', 'synth.py', ('square', 'full')), Row('old', 'Old', 'old.py', ('gone', 'full'))]
WRONG = dict(full=40, square=80, synth=40, old=40)


@pytest.fixture(scope='module')
def table() -> dict:
    val = {name: runs(wrong // 2, 100, first=1000) for name, wrong in dict(WRONG, old=10).items()}
    return comparison.tabulate(ROWS, {name: runs(wrong) for name, wrong in WRONG.items()}, val, family=9, reads=30)


def test_a_row_is_compared_with_the_first_and_with_what_it_is_a_change_of(table):
    rows = {row['name']: row for row in table['rows']}
    assert rows['full']['difference'] is None and rows['full']['change'] is None
    assert {name: row['parent'] for name, row in rows.items()} == dict(full=None, square='full', synth='square',
                                                                       old='full')
    assert rows['square']['change'] == rows['square']['difference']
    assert rows['synth']['difference']['value'] == 0 and rows['synth']['difference']['verdict'] == 'no gain shown'
    assert rows['synth']['change']['value'] == pytest.approx(.2) and rows['synth']['change']['verdict'] == 'better'
    assert table['comparisons'] == [rows['synth']['change']]
    assert table['changes'] == {'count': 3, 'better': 1, 'worse': 1, 'no gain shown': 1, 'one seed: no verdict': 0}


def test_a_partner_that_is_not_there_is_named(table):
    assert table['missing'] == [dict(row='old', reference='gone', reason='no row of this table is called gone')]
    alone = comparison.pairs([ROWS[0], Row('x', 'X', 'x.py', ('gone',))])
    assert alone.change == {} and alone.reference == (('x', 'full'),) and len(alone.missing) == 1


def test_the_family_is_what_was_ever_compared(table):
    assert (table['family'], table['test_reads'], table['test_images'], table['val_images']) == (9, 30, 200, 100)
    change = table['rows'][1]['change']
    assert change['p_holm'] == pytest.approx(9 * change['p'])
    fewer = comparison.tabulate(ROWS[:2], {row.name: runs(WRONG[row.name]) for row in ROWS[:2]}, family=9)
    assert fewer['rows'][1]['change']['p_holm'] == change['p_holm']
    assert comparison.tabulate(ROWS, {name: runs(wrong) for name, wrong in WRONG.items()})['family'] == 4


def test_the_headline_is_chosen_on_val(table):
    """On test three rows are equal; on val the last one leads."""
    assert table['headline'] == 'old'
    row = table['rows'][3]
    assert row['val']['top1'] == pytest.approx(.94) and row['val']['top1_interval'][0] < .94
    assert row['runs']['1'] == dict(top1=pytest.approx(159 / 200), top5=1., macro_f1=pytest.approx(.795, abs=.001),
                                    balanced_accuracy=pytest.approx(.795, abs=.001), val_top1=.94, best_epoch=6)
    without = comparison.tabulate(ROWS[:2], {row.name: runs(WRONG[row.name]) for row in ROWS[:2]})
    assert without['headline'] is None and without['rows'][0]['val'] is None and without['val_images'] is None


def test_a_table_of_val_alone_does_not_need_test():
    table = comparison.tabulate(ROWS[:2], None, dict(full=runs(20, 100), square=runs(50, 100)), family=99)
    assert (table['split'], table['test_images'], table['val_images'], table['family']) == ('val', None, 100, 1)
    assert table['rows'][1]['change']['verdict'] == 'worse' and table['headline'] == 'full'
    assert table['rows'][0]['top1'] == table['rows'][0]['val']['top1'] == pytest.approx(.79)


def test_equal_titles_are_told_apart():
    rows = [Row('a', 'Crops', 'a.py'), Row('b', 'Crops', 'b.py'), Row('c', 'Full', 'c.py')]
    assert comparison.titles(rows) == dict(a='Crops (a)', b='Crops (b)', c='Full')


def test_rows_of_other_images_are_refused():
    results = dict(full=runs(40), square=runs(40, first=7))
    with pytest.raises(InputError, match='square, seed 0: expected the test images, classes and labels of the rows be'):
        comparison.tabulate(ROWS[:2], results)
    with pytest.raises(ValueError, match='a row of the table has no result'):
        comparison.tabulate(ROWS[:2], dict(full=runs(40)))
    with pytest.raises(ValueError, match='a row of the table has no result'):
        comparison.tabulate(ROWS[:2], None)
