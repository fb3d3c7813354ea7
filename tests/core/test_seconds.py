"""Seconds of stages: recorded beside results, added up over attempts, shown by stage and part."""
from __future__ import annotations

import json

import pytest

from pipelines.core import manifest, seconds
from tools import time_spent


def test_parts_and_counts_add_up_over_attempts(tmp_path):
    seconds.add(tmp_path, dict(step=1.5, loading=0.25), {'iterations': 10}, jobs=2)
    seconds.add(tmp_path, dict(step=2.0), {'iterations': 4, 'val images': 3}, jobs=1)
    assert seconds.read(tmp_path) == {'step': 3.5, 'loading': 0.25, 'jobs': 1,
                                      'counts': {'iterations': 14, 'val images': 3}}
    assert seconds.read(tmp_path / 'nothing') == {}


def test_what_failed_counts_too(tmp_path):
    with pytest.raises(KeyError), seconds.part(tmp_path, 'prediction', images=7):
        raise KeyError
    assert seconds.read(tmp_path)['counts'] == {'images': 7} and 0 <= seconds.read(tmp_path)['prediction'] < 1


def test_a_result_records_its_total_which_is_no_part_of_it(tmp_path):
    for number in range(2):
        manifest.produce(tmp_path / f'out{number}', 'crop', {}, {}, lambda folder: (
            (folder / 'a').write_text('x'), seconds.add(folder, dict(cutting=0.5)))[1])
        content = seconds.read(tmp_path / f'out{number}')
        assert content['cutting'] == 0.5 and content[seconds.TOTAL] < 5
    one, two = (json.loads((tmp_path / f'out{number}' / manifest.NAME).read_text()) for number in range(2))
    assert one == two and [row['path'] for row in one['outputs']] == ['a']
    assert sorted(path.name for path in (tmp_path / 'out0').iterdir()) == ['a', manifest.NAME]


def made(folder, stage: str, total: float, counts=None, **parts: float) -> None:
    manifest.produce(folder, stage, {}, {}, lambda staging: (staging / 'a').write_text('x') and None)
    seconds.path(folder).unlink()
    seconds.add(folder, {**parts, 'total': total}, counts)


def test_a_run_s_time_by_stage_and_part(tmp_path, capsys):
    made(tmp_path / 'convert', 'convert', 10)
    for seed in range(2):
        made(tmp_path / f'models/classify/r@box-seed{seed}', f'classify: r@box-seed{seed}', 100, {'iterations': 30},
             step=60, loading=15, validation=20)
        made(tmp_path / f'models/tested/r@box-seed{seed}', f'classify: r@box-seed{seed} on test', 5, prediction=4)
    groups, silent = time_spent.spent(tmp_path)
    assert [(group.name, group.results, group.total) for group in groups] == [
        ('convert', 1, 10), ('classify: r@box', 2, 200), ('classify: r@box on test', 2, 10)]
    assert groups[1].parts == dict(step=120, loading=30, validation=40, other=10) and not silent
    assert time_spent.main(['--work', str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert '3 min 40 s in all' in said and 'classify: r@box x2' in said
    assert '2,000.0 ms for each of 60 iterations' in said
    assert 'The largest shares: classify, step 55%; classify, validation 18%; classify, loading 14%.' in said


def test_results_without_a_record_are_named(tmp_path, capsys):
    made(tmp_path / 'convert', 'convert', 1)
    made(tmp_path / 'crop', 'crop', 1)
    seconds.path(tmp_path / 'crop').unlink()
    assert time_spent.spent(tmp_path)[1] == [tmp_path / 'crop']
    seconds.path(tmp_path / 'convert').unlink()
    assert time_spent.main(['--work', str(tmp_path)]) == 2
    assert 'expected results that recorded their time, found none' in capsys.readouterr().err


@pytest.mark.parametrize(('value', 'words'), [(0.44, '0.4 s'), (59.6, '1 min 00 s'), (125, '2 min 05 s'),
                                              (11220, '3 h 07 min'), (36_000_000, '10,000 h 00 min')])
def test_durations_in_words(value, words):
    assert time_spent.duration(value) == words
