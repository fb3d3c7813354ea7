"""What a user of predict and export is told before anything is computed."""
from __future__ import annotations

import pytest

from pipelines import export, predict


@pytest.mark.parametrize(('arguments', 'words'), [
    (['photos', '--out', 'photos/found'], '--out: expected a folder outside of photos, found photos/found'),
    (['photos'], '--out: expected a folder for the results, as there is no --work'),
    (['gone', '--out', 'o'], 'gone: expected a file, a folder, a pattern, or a list'),
    (['photos', '--out', 'o'], '--work: expected WORK/DATASET, or --bundle, found neither'),
    (['photos', '--out', 'o', '--work', 'w'], '--row: expected RECIPE@IMAGES, as no table says which row is best'),
    (['photos', '--out', 'o', '--work', 'w', '--row', 'x@square'], 'expected trained classifiers x@square-seed<k>'),
    (['photos', '--out', 'o', '--work', 'w', '--row', 'x@sqare'], "images 'sqare': expected a kind of crop"),
    (['photos', '--out', 'o', '--bundle', 'b'], 'b/card.json: expected the card of a bundle, format 1, found nothing')])
def test_a_mistake_is_named_before_anything_is_computed(tmp_path, monkeypatch, capsys, arguments, words):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos/a.jpg').write_bytes(b'')
    monkeypatch.chdir(tmp_path)
    assert predict.main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said and 'remedy: ' in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ['photos']


@pytest.mark.parametrize('arguments', [['--conf', '1.5'], ['--conf', 'much'], ['--target', '1'], ['--top', '0']])
def test_a_number_out_of_its_range_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        predict.main(['photos', '--out', 'o', *arguments])
    assert f'argument {arguments[0]}: expected a' in capsys.readouterr().err


def test_an_export_needs_a_share_and_a_place(capsys):
    for arguments, words in ((['--target', '0'], '--target: a share above 0'),):
        with pytest.raises(SystemExit):
            export.main(['--bundle', 'b', *arguments])
        assert words in capsys.readouterr().err
