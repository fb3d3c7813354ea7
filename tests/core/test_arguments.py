from __future__ import annotations

import argparse

import pytest

from pipelines.core import arguments


@pytest.mark.parametrize(('read', 'text', 'number'), [
    (arguments.whole(1), '7', 7), (arguments.whole(1, 7), '7', 7), (arguments.a_seed, '4294967295', 2 ** 32 - 1),
    (arguments.a_share, '0', 0), (arguments.a_share, '1', 1), (arguments.a_share, '0.25', 0.25)])
def test_what_is_in_range_is_taken(read, text, number):
    assert read(text) == number


@pytest.mark.parametrize(('read', 'text', 'said'), [
    (arguments.whole(1), '0', 'a whole number, 1 or more, found 0'), (arguments.whole(1), 'two', 'found two'),
    (arguments.whole(1, 7), '8', '1 to 7, found 8'), (arguments.a_seed, '4294967296', '0 to 4294967295'),
    (arguments.a_seed, '-1', 'found -1'), (arguments.whole(1), '1.5', 'found 1.5'),
    (arguments.a_share, 'nan', 'a number from 0 to 1, found nan'), (arguments.a_share, '1.01', 'found 1.01')])
def test_what_is_not_is_said(read, text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        read(text)


@pytest.mark.parametrize('line', ['--seeds 4294967296', '--jobs -1', '--jobs 0', '--only -1'])
def test_commands_refuse_them_before_anything_is_read(line, capsys):
    from pipelines import classify
    with pytest.raises(SystemExit) as ended:
        classify.main(['--data', 'nowhere', '--out', 'nowhere/classify', '--rows', 'a@full', *line.split()])
    assert ended.value.code == 2 and f'argument {line.split()[0]}: expected a whole number' in capsys.readouterr().err
