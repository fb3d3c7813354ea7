from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core import fingerprint, manifest
from pipelines.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source' / 'a.txt').write_text('one')
    return tmp_path / 'source'


def build_copy(source: Path, out: Path, **parameters) -> bool:
    def build(folder: Path) -> None:
        (folder / 'copy.txt').write_text((source / 'a.txt').read_text() + str(parameters))

    return manifest.produce(out, 'copy', parameters, {'source': source}, build)


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


class Stopped(BaseException):
    pass


def stop(*args, **kwargs):
    raise Stopped


def test_a_whole_folder_that_was_not_published_yet_is_not_built_again(tmp_path, monkeypatch):
    def build(folder: Path) -> None:
        (folder / '.scratch').mkdir()
        (folder / 'a.txt').write_text('a')

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(manifest, '_publish', stop)
        manifest.produce(tmp_path / 'out', 'copy', {}, {}, build, resume=True)
    assert manifest.produce(tmp_path / 'out', 'copy', {}, {}, stop, resume=True)
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['a.txt', manifest.NAME]


def test_nobody_goes_on_in_a_folder_that_was_half_removed(tmp_path, monkeypatch):
    def begin(folder: Path) -> None:
        (folder / 'first.txt').write_text('first')
        raise Stopped

    def go_on(folder: Path) -> None:
        assert not any(folder.iterdir())

    with pytest.raises(Stopped):
        manifest.produce(tmp_path / 'out', 'copy', {'k': 1}, {}, begin, resume=True)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(manifest.shutil, 'rmtree', lambda path, **_: path.exists() and stop())
        manifest.produce(tmp_path / 'out', 'copy', {'k': 2}, {}, begin, resume=True)
    assert (tmp_path / '.out.staging' / 'first.txt').exists()
    assert manifest.produce(tmp_path / 'out', 'copy', {'k': 1}, {}, go_on, resume=True)


def test_a_result_that_another_run_makes_anew_is_not_taken_for_ones_own(source, tmp_path):
    build_copy(source, out := tmp_path / 'model', k=1)

    @manifest.reading(out, {'k': 1})
    def use(meanwhile) -> str:
        text = (out / 'copy.txt').read_text()
        meanwhile()
        return text

    assert use(lambda: None) == "one{'k': 1}"
    for meanwhile in (lambda: build_copy(source, out, k=2), lambda: None, lambda: shutil.rmtree(out)):
        with pytest.raises(InputError, match=r'model: expected the result that this run .*\n.*--model-dir'):
            use(meanwhile)
        build_copy(source, out, k=2)


_SLOW = '''
import sys, time
from pathlib import Path
from pipelines.core import manifest
out, marker = Path(sys.argv[1]), Path(sys.argv[2])
def build(folder):
    (folder / 'half.txt').write_text('half')
    marker.write_text('building')
    time.sleep(float(sys.argv[3]))
    (folder / 'whole.txt').write_text('whole')
print(manifest.produce(out, 'slow', {'k': 2}, {}, build))
'''


def start(out: Path, marker: Path, seconds: float) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, '-c', _SLOW, str(out), str(marker), str(seconds)], cwd=ROOT,
                            stdout=subprocess.PIPE, text=True)


def wait_for(marker: Path) -> None:
    deadline = time.monotonic() + 20
    while not marker.exists():
        assert time.monotonic() < deadline, 'the build did not start'
        time.sleep(0.02)


def test_a_killed_build_leaves_the_old_result_and_the_next_one_works(tmp_path):
    out = tmp_path / 'out'
    manifest.produce(out, 'slow', {'k': 1}, {}, lambda folder: (folder / 'old.txt').write_text('old') and None)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    process = start(out, tmp_path / 'marker', 60)
    wait_for(tmp_path / 'marker')
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    again = start(out, tmp_path / 'marker', 0)
    assert again.communicate()[0] == '[slow] again, for parameter k changed\nTrue\n'
    assert sorted(path.name for path in out.iterdir()) == ['half.txt', manifest.NAME, 'whole.txt']


def test_of_two_processes_at_once_one_builds_and_one_waits(tmp_path):
    first = start(tmp_path / 'out', tmp_path / 'marker', 1.0)
    wait_for(tmp_path / 'marker')
    second = start(tmp_path / 'out', tmp_path / 'marker', 1.0)
    answers = first.communicate()[0], second.communicate()[0]
    assert answers[0] == 'True\n'
    assert 'another process is writing' in answers[1] and answers[1].endswith('[slow] up to date\nFalse\n')


def test_a_dangling_link_is_mended(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        manifest.link(tmp_path / 'link', name)
        assert (tmp_path / 'link').resolve() == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a', 'b', 'link']
