from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from pipelines.core import code, fingerprint, manifest
from pipelines.core.errors import InputError
from tests.built import Stopped, build_copy

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_is_made_twice(source, tmp_path, capsys):
    assert build_copy(source, tmp_path / 'out')
    assert not build_copy(source, tmp_path / 'out')
    assert capsys.readouterr().out == '[copy] up to date\n'


def test_an_input_byte_a_parameter_or_a_changed_output_rebuilds(source, tmp_path):
    build_copy(source, tmp_path / 'out', k=1)
    assert build_copy(source, tmp_path / 'out', k=2)
    (source / 'a.txt').write_text('two')
    assert build_copy(source, tmp_path / 'out', k=2)
    (tmp_path / 'out' / 'copy.txt').write_text('edited')
    assert build_copy(source, tmp_path / 'out', k=2)
    assert (tmp_path / 'out' / 'copy.txt').read_text() == "two{'k': 2}"
    (source / 'b.txt').write_text('')
    assert build_copy(source, tmp_path / 'out', k=2)


def test_touching_an_input_rebuilds_nothing(source, tmp_path):
    build_copy(source, tmp_path / 'out')
    os.utime(source / 'a.txt', (1, 1))
    assert not build_copy(source, tmp_path / 'out')


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_what_a_stage_hashed_is_not_read_again_by_the_next(source, tmp_path, hashed):
    (tmp_path / 'link').symlink_to('source')
    build_copy(source, tmp_path / 'one')
    hashed.clear()
    build_copy(tmp_path / 'link', tmp_path / 'two')
    assert names(hashed) == ['copy.txt']
    (source / 'a.txt').write_text('three')
    build_copy(source, tmp_path / 'three')
    assert names(hashed) == ['copy.txt', 'a.txt', 'copy.txt']
    build_copy(source, tmp_path / 'elsewhere' / 'four')
    assert names(hashed)[3:] == ['a.txt', 'copy.txt']


def test_digests_given_by_a_build_are_taken_for_the_files_they_are_of(tmp_path, hashed):
    files = {'a/1.txt': 'one', 'a/2.txt': 'two', 'a/b/3.txt': 'three', 'a/twice.txt': 'five'}

    def build(folder: Path) -> fingerprint.Digests:
        digests = fingerprint.Digests()
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
            digests.add(name, len(content), hashlib.sha256(content.encode()).hexdigest())
        (folder / 'a' / 'other.txt').write_text('of no digest')
        digests.add('a/twice.txt', 4, '00' * 32)
        return digests

    manifest.produce(tmp_path / 'read' / 'out', 'copy', {}, {}, lambda folder: build(folder) and None)
    hashed.clear()
    manifest.produce(tmp_path / 'given' / 'out', 'copy', {}, {}, build)
    assert sorted(names(hashed)) == ['other.txt', 'twice.txt']
    assert manifest.load(tmp_path / 'given' / 'out') == manifest.load(tmp_path / 'read' / 'out')


@pytest.mark.parametrize(('harm', 'message'), [
    (lambda path: path.write_text('tw'), 'a/2.txt: expected 3 bytes, as were written, found 2'),
    (lambda path: path.unlink(), 'expected every file that was written, found 1 missing')])
def test_a_file_that_is_not_as_it_was_written_is_not_published(tmp_path, harm, message):
    """As a power cut can leave it: the finished shard that names it is on the disk, what it names is not."""
    def build(folder: Path) -> fingerprint.Digests:
        digests = fingerprint.Digests()
        (folder / 'a').mkdir()
        for name, content in (('a/1.txt', 'one'), ('a/2.txt', 'two')):
            (folder / name).write_text(content)
            digests.add(name, len(content), hashlib.sha256(content.encode()).hexdigest())
        harm(folder / 'a' / '2.txt')
        return digests

    with pytest.raises(InputError, match=message):
        manifest.produce(tmp_path / 'out', 'copy', {}, {}, build)
    assert not (tmp_path / 'out').exists()


def test_what_lies_beside_a_result_need_not_be_a_cache(source, tmp_path):
    for name, content in (('a', '[]'), ('b', '{"x": 3}'), ('c', '{"x": [1, 2]}'), ('d', '{')):
        (tmp_path / f'.{name}.stat.json').write_text(content)
    assert build_copy(source, tmp_path / 'out') and not build_copy(source, tmp_path / 'out')
    assert set(json.loads((tmp_path / '.out.stat.json').read_text())) == {str(source), str(tmp_path / 'out/copy.txt')}


def test_what_another_stage_knows_of_an_older_state_is_not_taken(source, tmp_path, monkeypatch):
    build_copy(source, tmp_path / 'one')
    old = (tmp_path / '.one.stat.json').read_bytes()
    (source / 'a.txt').write_text('another')
    build_copy(source, tmp_path / 'one')
    (tmp_path / '.two.stat.json').write_bytes(old)  # newer than the file that is right
    read = []
    monkeypatch.setattr(fingerprint, 'sha256', lambda file: read.append(file))
    assert not build_copy(source, tmp_path / 'one') and not read


def test_equal_inputs_give_equal_bytes_anywhere(source, tmp_path):
    other = shutil.copytree(source, tmp_path / 'elsewhere' / 'source')
    build_copy(source, tmp_path / 'out', k=1)
    build_copy(other, tmp_path / 'elsewhere' / 'out', k=1)
    first, second = (folder / 'out' / manifest.NAME for folder in (tmp_path, tmp_path / 'elsewhere'))
    assert first.read_bytes() == second.read_bytes()
    assert str(tmp_path) not in first.read_text()


def test_a_failed_build_leaves_the_old_result(source, tmp_path):
    build_copy(source, tmp_path / 'out')

    def fail(folder: Path) -> None:
        (folder / 'half.txt').write_text('half')
        raise OSError('no')

    with pytest.raises(OSError, match='no'):
        manifest.produce(tmp_path / 'out', 'copy', {'k': 3}, {'source': source}, fail)
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['copy.txt', manifest.NAME]
    assert not build_copy(source, tmp_path / 'out')


def test_a_folder_of_somebody_elses_is_not_touched(source, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'thesis.tex').write_text('my life')
    with pytest.raises(InputError, match='a folder without manifest.json'):
        build_copy(source, tmp_path / 'out')
    assert (tmp_path / 'out' / 'thesis.tex').read_text() == 'my life'


def test_an_edit_that_keeps_size_and_mtime_is_seen(source, tmp_path):
    build_copy(source, tmp_path / 'out')
    before = (source / 'a.txt').stat()
    (source / 'a.txt').write_text('two')
    os.utime(source / 'a.txt', ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (source / 'a.txt').stat().st_mtime_ns == before.st_mtime_ns
    assert build_copy(source, tmp_path / 'out')
    assert (tmp_path / 'out' / 'copy.txt').read_text() == 'two{}'


@pytest.mark.parametrize('name', ['.DS_Store', '._a.txt', 'Thumbs.db', '.nfs00000000012', '@eaDir/a.txt', '.directory'])
def test_what_programs_leave_in_folders_is_no_input(source, tmp_path, name):
    build_copy(source, tmp_path / 'out')
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text('stray')
    assert not build_copy(source, tmp_path / 'out')


def build_listed(source: Path, out: Path, names: list[str]) -> bool:
    return manifest.produce(out, 'listed', {}, {'list images': manifest.Listed(source, names)},
                            lambda folder: (folder / 'x').write_text('x') and None)


def test_the_files_of_a_list_are_inputs_and_what_lies_beside_them_is_not(source, tmp_path, hashed):
    (source / 'b').mkdir()
    (source / 'b' / 'c.txt').write_text('c')
    assert build_listed(source, out := tmp_path / 'out', ['b/c.txt', 'a.txt', 'a.txt'])
    row = manifest.load(out)['inputs'][0]
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in (('a.txt', b'one'), ('b/c.txt', b'c'))}
    rows = ''.join(f'{digest}  {name}\n' for name, digest in digests.items())
    assert row == dict(path='list images', count=2, sha256=hashlib.sha256(rows.encode()).hexdigest())
    (source / 'another.txt').write_text('another')
    hashed.clear()
    assert not build_listed(source, out, ['a.txt', 'b/c.txt']) and not hashed
    (source / 'b' / 'c.txt').write_text('d')
    assert build_listed(source, out, ['a.txt', 'b/c.txt'])
    with pytest.raises(InputError, match='gone.txt: expected a file, as a list names it, found No such file'):
        build_listed(source, out, ['gone.txt'])


def test_an_input_that_changes_during_a_build_is_not_recorded_as_what_it_was_made_from(source, tmp_path):
    def build(folder: Path) -> None:
        (folder / 'copy.txt').write_text((source / 'a.txt').read_text())
        (source / 'a.txt').write_text('two')

    out = tmp_path / 'out'
    for resume in (False, True):
        (source / 'a.txt').write_text('one')
        with pytest.raises(InputError, match='source: expected the same bytes while out was made from them'):
            manifest.produce(out, 'copy', {}, {'source': source}, build, resume=resume)
        assert not out.exists()
        (source / 'a.txt').write_text('one')  # as before: what was made is not gone on with all the same
        with pytest.raises(InputError):
            manifest.produce(out, 'copy', {}, {'source': source}, build, resume=resume)
    assert build_copy(source, out) and (out / 'copy.txt').read_text() == 'two{}'


def test_rows_of_another_manifest_are_looked_at_again_too(source, tmp_path):
    build_copy(source, first := tmp_path / 'first', k=1)
    row = manifest.recorded(first)['copy.txt']
    with pytest.raises(InputError, match='first/copy.txt: expected the same bytes'):
        manifest.produce(tmp_path / 'out', 'next', {}, {'first/copy.txt': row},
                         lambda folder: build_copy(source, first, k=2) and None)
    assert not (tmp_path / 'out').exists()


def made_by(tmp_path: Path, text: str, **options) -> bool:
    """Produce by a build that stands in a file of its own."""
    import importlib.util
    path = tmp_path / 'code' / 'builder.py'
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location('builder', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.pop('builder', None)
    importlib.invalidate_caches()
    code.digest.cache_clear()
    code._imported.cache_clear()
    exec(compile(text, str(path), 'exec'), module.__dict__)
    return manifest.produce(tmp_path / 'out', 'made', {}, {}, module.build, **options)


def test_other_code_alone_says_so_and_makes_it_anew_only_when_asked(tmp_path, monkeypatch, capsys):
    one, remark, two = (f'def build(folder):{remark}    (folder / "x").write_text("{text}")\n' for text, remark in (
        ('one', '\n'), ('one', '\n    # why\n\n'), ('two', '\n')))
    assert made_by(tmp_path, one)
    assert not made_by(tmp_path, remark)
    assert capsys.readouterr().out == '[made] up to date\n'
    assert not made_by(tmp_path, two) and (tmp_path / 'out/x').read_text() == 'one'
    assert capsys.readouterr().out == '[made] up to date, but made by other code than this (AGAIN=1 makes it anew)\n'
    assert manifest.other_code(tmp_path / 'out', tmp_path / 'code/builder.py')
    monkeypatch.setenv(manifest.AGAIN, '0')
    assert not made_by(tmp_path, two)
    monkeypatch.setenv(manifest.AGAIN, '1')
    assert made_by(tmp_path, two) and (tmp_path / 'out/x').read_text() == 'two'
    assert capsys.readouterr().out.endswith('[made] again, for the code changed\n')
    assert not made_by(tmp_path, two) and not manifest.other_code(tmp_path / 'out', tmp_path / 'code/builder.py')
    monkeypatch.delenv(manifest.AGAIN)
    assert made_by(tmp_path, one, quick=True)


def test_the_code_of_a_result_is_what_its_file_imports_however_far():
    found = {path.relative_to(ROOT).as_posix() for path in code.sources(ROOT / 'pipelines/detect.py')}
    assert {'pipelines/detect.py', 'pipelines/core/boxes.py', 'pipelines/openmm/detect/detection.py',
            'pipelines/openmm/engine/training.py', 'pipelines/openmm/engine/hooks.py',
            'pipelines/openmm/compat/scope.py'} <= found
    assert not {path for path in found if path.startswith(('pipelines/synth', 'pipelines/classify', 'tools'))}


def test_a_result_says_what_it_was_made_with_and_going_on_elsewhere_is_said(tmp_path, capsys):
    def stopped(folder: Path) -> None:
        raise Stopped

    def made(build, **conditions) -> bool:
        return manifest.produce(tmp_path / 'out', 'train', dict(processes=conditions.pop('processes', 1)), {}, build,
                                resume=True, conditions=lambda: conditions)

    with pytest.raises(Stopped):
        made(stopped, device='H100', threads=4)
    assert made(lambda folder: (folder / 'model').write_text('m') and None, device='CPU', threads=4)
    assert '[train] goes on with device CPU; it began with device H100' in capsys.readouterr().out
    here = dict(code=code.digest(Path(__file__).resolve()), threads=4)
    assert manifest.load(tmp_path / 'out')['made'] == [dict(here, device='H100'), dict(here, device='CPU')]
    assert not made(stopped, device='CPU', threads=1)
    with pytest.raises(Stopped):
        made(stopped, processes=8)
    assert '[train] again, for parameter processes changed' in capsys.readouterr().out
    assert made(lambda folder: None, processes=4)
    said = capsys.readouterr().out
    assert '[train] starts anew: the one that was interrupted had another parameter processes' in said


def test_a_dangling_link_is_mended(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        manifest.link(tmp_path / 'link', name)
        assert (tmp_path / 'link').resolve() == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a', 'b', 'link']
