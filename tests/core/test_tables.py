from __future__ import annotations

import pytest

from pipelines.core import comparison, tables
from tests.core.test_comparison import ROWS, WRONG, runs


@pytest.fixture(scope='module')
def results() -> dict:
    return {name: runs(wrong) for name, wrong in WRONG.items()}


def test_the_table_says_what_was_read_and_compared(results):
    val = {name: runs(wrong // 2, 100) for name, wrong in dict(WRONG, old=10).items()}
    text = tables.as_text(comparison.tabulate(ROWS, results, val, family=9, reads=12))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0] == 'seeds 0 1 2; 3 classes; 200 test images; 100 val images; test was read 12 times'
    assert lines[2].split() == 'train seeds val [95 %] test [95 %] top-5 balanced F1'.split()
    assert lines[3].split()[:5] == ['Full', 'images', '90', '3', '79.0'] and lines[3].split()[7] == '79.5'
    assert lines[3].split()[-3] == '-'  # the first five of three classes
    blocks = text.split('\n\n')
    assert [block.splitlines()[0] for block in blocks[2:5]] == ['against Full images', 'against Square crops',
                                                                'not compared']
    assert [line.split(':')[-1] for line in blocks[2].splitlines()[1:]] == [' worse', ' no gain shown',
                                                                           ' no gain shown']
    assert blocks[3].splitlines()[1].startswith('Synthetic ') and '+20.0 [' in blocks[3] and ': better' in blocks[3]
    assert blocks[4].splitlines()[1].split(None, 1) == ['Old', 'with gone: no row of this table is called gone']
    assert 'chosen on val: Old, 94.0 [' in blocks[5] and '; on test 79.5 [' in blocks[5]
    assert '1 of 3 changes helped, each against the row that it is a change of' in blocks[5]
    assert 'corrected for 9 comparisons ever made on this test split (Holm)' in blocks[5].replace('\n', ' ')


def test_a_table_of_val_says_that_test_was_not_read(results):
    text = tables.as_text(comparison.tabulate(ROWS, None, results))
    assert text.startswith('seeds 0 1 2; 3 classes; 200 val images; test was not read: all figures are of val\n')
    assert 'test [95 %]' not in text and 'chosen on val: Full images' in text
    assert 'corrected for 4 comparisons of this table (Holm)' in text.replace('\n', ' ')


def test_one_row_is_corrected_for_nothing(results):
    text = tables.as_text(comparison.tabulate(ROWS[:1], dict(full=results['full']), family=0, reads=1))
    words = text.replace('\n', ' ')
    assert 'test was read 1 time\n' in text and 'One row has no other to be compared with. F1 and' in words
    assert 'corrected' not in words and 'comparison' not in words


def test_one_seed_and_copies_of_a_seed_are_named(results):
    copies = {0: results['square'][0], 1: results['square'][0]}
    text = tables.as_text(comparison.tabulate(ROWS[:2], dict(full=results['full'], square=copies)))
    assert '-19.5 one seed: no verdict, this needs about 3 seeds' in text
    assert 'Square crops: of 2 seeds 1 differ in what they predict; equal ones count once' in text


def test_names_tell_rows_apart():
    long = 'ResNet-50 from ImageNet weights, square crops, synthetic images of '
    names = tables._names(dict(a=long + 'one', b=long + 'another', c='ResNet-50'))
    assert names == dict(a='a', b='b', c='ResNet-50')


def test_gain_in_words():
    row = dict(value=.0123, interval_holm=[-.004, .03], p_holm=.2, verdict='no gain shown', needs_seeds=12)
    assert tables.gain(row) == '+1.2 [-0.4, +3.0] p 0.200: no gain shown, this needs about 12 seeds'
    assert tables.gain(dict(row, p_holm=.0001, verdict='better', needs_seeds=None)) == (
        '+1.2 [-0.4, +3.0] p < 0.001: better')
