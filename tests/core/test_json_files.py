"""Long JSON files are written a row at a time, and read to the letter."""
from __future__ import annotations

import pytest

from pipelines.core import json_files


def test_lists_are_written_row_by_row_in_their_order(tmp_path):
    path = tmp_path / 'lists.json'
    with json_files.writing_lists(path, ('a', 'b', 'c', 'd')) as append:
        for name, row in (('b', '1'), ('b', '{"x": 2}'), ('d', '3')):
            append(name, row)
    assert json_files.read(path) == dict(a=[], b=[1, dict(x=2)], c=[], d=[3])
    assert path.read_text() == '{\n"a": [\n],\n"b": [\n1,\n{"x": 2}\n],\n"c": [\n],\n"d": [\n3\n]\n}\n'
    with pytest.raises(ValueError, match='a row of b after those of c'):
        with json_files.writing_lists(path, ('a', 'b', 'c')) as append:
            append('c', '1')
            append('b', '2')
    assert json_files.read(path)['d'] == [3]  # as it was
    with json_files.writing_lists(path, ('a', 'b')):
        pass
    assert json_files.read(path) == dict(a=[], b=[])


@pytest.mark.parametrize('rows, text', [((), '[\n]\n'), (('1', '{"x": 2}'), '[\n1,\n{"x": 2}\n]\n')])
def test_rows_are_written_each_on_a_line(tmp_path, rows, text):
    json_files.write_rows(tmp_path / 'rows.json', iter(rows))
    assert (tmp_path / 'rows.json').read_text() == text
