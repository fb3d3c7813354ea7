"""Kills, readers and other runs, at the worst moments of a build."""
from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.core import files, manifest
from pipelines.core.errors import InputError
from tests.built import Stopped, build_copy

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('swaps', [True, False])
def test_a_reader_sees_a_whole_result_at_every_moment(tmp_path, monkeypatch, swaps):
    if not swaps:
        monkeypatch.setattr(files, 'exchange', lambda *_: False)
    elif not can_exchange(tmp_path):
        pytest.skip('the file system of this machine cannot exchange two folders')
    out, missing, texts, done = tmp_path / 'out', 0, set(), threading.Event()
    make = lambda k: manifest.produce(out, 'x', {'k': k}, {}, lambda folder: (folder / 'k').write_text(str(k)) and None)  # noqa: E731
    make(0)
    writer = threading.Thread(target=lambda: ([make(k) for k in range(1, 60)], done.set()))
    writer.start()
    while not done.is_set():
        missing += not out.is_dir()
        with contextlib.suppress(FileNotFoundError):  # of the earlier one, which is removed meanwhile
            texts.add((out / 'k').read_text())
    writer.join()
    assert (out / 'k').read_text() == '59' and texts <= set(map(str, range(60)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['.out.lock', '.out.seconds.json', '.out.stat.json',
                                                                'out']
    if swaps:
        assert missing == 0


def can_exchange(folder: Path) -> bool:
    for name in 'ab':
        (folder / name).mkdir()
    try:
        return files.exchange(folder / 'a', folder / 'b')
    finally:
        for name in 'ab':
            (folder / name).rmdir()


def test_killed_between_the_swap_and_its_end_the_new_result_stays(source, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    build_copy(source, out, k=1)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(manifest.shutil, 'rmtree', lambda path, **_: path.exists() and stop())
        build_copy(source, out, k=2)
    assert not build_copy(source, out, k=2) and (out / 'copy.txt').read_text() == "one{'k': 2}"
    assert build_copy(source, out, k=1) and (out / 'copy.txt').read_text() == "one{'k': 1}"


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
    first = start(tmp_path / 'out', tmp_path / 'marker', 4)  # the other one starts meanwhile, on a busy machine, too
    wait_for(tmp_path / 'marker')
    second = start(tmp_path / 'out', tmp_path / 'marker', 1)
    answers = first.communicate()[0], second.communicate()[0]
    assert answers[0] == 'True\n'
    assert 'another process is writing' in answers[1] and answers[1].endswith('[slow] up to date\nFalse\n')
