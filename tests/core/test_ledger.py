from __future__ import annotations

import datetime
import json
from concurrent.futures import ProcessPoolExecutor

import pytest

from pipelines.core import ledger, lineage
from pipelines.core.errors import InputError
from pipelines.core.ledger import Count, Read

DAY = datetime.date(2026, 3, 1)


def reads(*rows: str, seeds=(0, 1), digest: str = 'a', test: str = 't') -> list[Read]:
    return [Read(row, seed, f'{digest}-{row}-{seed}', test) for row in rows for seed in seeds]


def test_what_is_entered_stays_as_it_is(tmp_path):
    path = tmp_path / 'dogs' / ledger.NAME
    ledger.enter(path, reads('full', seeds=[0]), [('box', 'full')], test='t', today=DAY)
    first = path.read_text()
    ledger.enter(path, reads('full', seeds=[0]), [('box', 'full')], test='t', today=DAY + datetime.timedelta(1))
    assert path.read_text() == first
    assert json.loads(first) == dict(
        reads=[dict(row='full', seed=0, digest='a-full-0', test='t', when='2026-03-01')],
        comparisons=[dict(row='box', reference='full', test='t', when='2026-03-01')])
    ledger.enter(path, reads('box', seeds=[0]), today=DAY)
    assert [row['row'] for row in ledger.load(path)['reads']] == ['full', 'box']


def test_fewer_rows_do_not_make_the_family_smaller(tmp_path):
    path = tmp_path / ledger.NAME
    assert ledger.count(path, 't') == Count(0, 0, 0)
    ledger.enter(path, reads('full', 'a', 'b', 'c', 'd'), [(row, 'full') for row in 'abcd'], test='t')
    assert ledger.count(path, 't') == Count(reads=10, rows=5, comparisons=4)
    ledger.enter(path, reads('full', 'a'), [('a', 'full')], test='t')
    assert ledger.count(path, 't') == Count(reads=10, rows=5, comparisons=4)
    ledger.enter(path, [], [('full', 'a')], test='t')  # the other way round it is the same comparison
    assert ledger.count(path, 't').comparisons == 4


def test_a_row_trained_anew_is_another_look(tmp_path):
    path = tmp_path / ledger.NAME
    ledger.enter(path, reads('full', 'a', 'b'), [('a', 'full'), ('b', 'full')], test='t')
    ledger.enter(path, reads('a', digest='tuned'), [('a', 'full')], test='t')
    assert ledger.count(path, 't') == Count(reads=8, rows=4, comparisons=3)
    ledger.enter(path, reads('a', seeds=[2, 3], digest='tuned'), test='t')  # more seeds of the same are not
    assert ledger.count(path, 't') == Count(reads=10, rows=4, comparisons=3)


def test_another_test_split_is_counted_apart(tmp_path):
    path, other = tmp_path / ledger.NAME, ledger.split_digest(['x', 'y', 'z'], ['a', 'b', 'b'])
    ledger.enter(path, reads('full', 'a'), [('a', 'full')], test='t')
    ledger.enter(path, reads('full', test=other))
    assert ledger.count(path, 't') == Count(4, 2, 1) and ledger.count(path, other) == Count(2, 1, 0)
    assert other == ledger.split_digest(['z', 'x', 'y'], ['b', 'a', 'b'])
    assert other != ledger.split_digest(['x', 'y', 'z'], ['b', 'b', 'a'])


def test_a_split_is_its_files_and_classes_whatever_their_numbers(tmp_path):
    """One more image in train gives those of test other ids; one more class gives other labels."""
    def split(kind: str, classes: list[str], first: int, suffix: str = 'jpg') -> str:
        path = tmp_path / f'{kind}_test.json'
        lineage.write_list(path, classes, [dict(
            img_path=f'{kind}/pugs/{name}.{suffix}', gt_label=classes.index('pug'), image_id=first + i, split='test',
            box_source='none') for i, name in enumerate('ab')])
        return ledger.split_of(path)

    known = split('full', ['collie', 'pug'], 7, 'png')
    assert known == split('square', ['collie', 'pug'], 8) == split('full', ['beagle', 'collie', 'pug'], 7)
    assert known == ledger.split_digest(['pugs/a', 'pugs/b'], ['pug'] * 2)


def test_rows_that_were_read_one_by_one_were_compared(tmp_path):
    """Six tables of one row each, and the best of them beside the reference."""
    path = tmp_path / ledger.NAME
    for row in 'abcdef':
        ledger.enter(path, reads(row))
    assert ledger.count(path, 't') == Count(reads=12, rows=6, comparisons=5)
    ledger.enter(path, reads('f', 'a'), [('f', 'a')], test='t')
    assert ledger.count(path, 't') == Count(reads=12, rows=6, comparisons=5)


def _enter(path, row: int) -> None:
    ledger.enter(path, reads(f'{row}'), [(f'{row}', 'full')], test='t')


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / ledger.NAME
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_enter, [path] * 24, range(24)))
    assert ledger.count(path, 't') == Count(48, 24, 24)


@pytest.mark.parametrize('content', ['', '[]', '{"reads": []}', '{"reads": [{"row": "a"}], "comparisons": []}'])
def test_a_damaged_ledger_is_not_taken_for_an_empty_one(tmp_path, content):
    path = tmp_path / ledger.NAME
    path.write_text(content)
    for use in (lambda: ledger.count(path, 't'), lambda: ledger.enter(path, reads('a'))):
        with pytest.raises(InputError, match='expected the ledger of readings.*\n.*bring it back from a copy'):
            use()
    assert path.read_text() == content
