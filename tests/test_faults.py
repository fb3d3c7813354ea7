"""Faults, a few of each; and that every check of theirs can fail."""
from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tools.faults import chain, checkpoints, kills, row
from tools.faults.__main__ import FAULTS, FEW
from tools.faults.processes import Running, run

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize('name', ['convert', 'crop'])
def test_killed_stages_lose_nothing(name, tmp_path):
    found = row.inject(name, row.Fault(name, 2, partial(kills.prepare, name, FEW)), tmp_path, count=2, seed=0, jobs=1)
    assert (found.injected, found.held, found.broken, found.failed) == (2, 2, [], False)
    assert sum(found.tally.values()) == 2 and not any((tmp_path / name).iterdir())


_HEAD = '''
import sys, time, pathlib
out = pathlib.Path(sys.argv[1])
staging, waiting = out.with_name('.out.staging'), out.with_name('waiting')
def wait():
    if not waiting.exists():
        waiting.touch()
        time.sleep(60)
'''
# Each writes to the folder it is given, and waits to be killed the first time.
_IN_PLACE = '''
(out / 'sub').mkdir(parents=True, exist_ok=True)
(out / 'sub/a').write_text('')
wait()
(out / 'sub/a').write_text('a')
'''
_HALF_DONE_COUNTS_AS_DONE = '''
again = staging.exists()
staging.mkdir(exist_ok=True)
wait()
(staging / 'a').write_text('half' if again else 'a')
staging.rename(out)
'''
_STAYS_BROKEN = '''
if staging.exists():
    sys.exit('staging is in the way')
staging.mkdir()
wait()
'''
_STARTS_ANEW = '''
again = (staging / 'sub/a').exists()
(staging / 'sub').mkdir(parents=True, exist_ok=True)
(out.parent / '.out.key').write_text('k')
(staging / 'sub/a').unlink(missing_ok=True)
(staging / 'sub/a').write_text('a')
wait()
staging.rename(out)
'''
_FORGETS_SHARDS = '''
again = (staging / '.shards').exists()
(staging / '.shards').mkdir(parents=True, exist_ok=True)
(out.parent / '.out.key').write_text('k')
(staging / '.shards/0.json').write_text('[]')
wait()
(staging / '.shards/0.json').unlink()
(staging / '.shards').rmdir()
(staging / 'sub').mkdir()
(staging / 'sub/a').write_text('a')
staging.rename(out)
'''
_WHOLE = {'sub/a': hashlib.sha256(b'a').hexdigest()}


@pytest.mark.parametrize(('script', 'words'), [
    (_IN_PLACE, 'a partial result was visible after the kill: sub/a'),
    (_HALF_DONE_COUNTS_AS_DONE, 'the rerun ended with other bytes: a, sub/a'),
    (_STAYS_BROKEN, 'rerun.log: exit status 1: staging is in the way'),
    (_STARTS_ANEW, '1 of 1 files that were there were made again by 1 workers'),
    (_FORGETS_SHARDS, '1 shards were done before the kill; the rerun says: None')],
    ids=['in place', 'half done counts as done', 'stays broken', 'starts anew', 'forgets shards'])
def test_a_stage_that_loses_something_is_caught(script, words, tmp_path):
    stage = chain.Stage('', 'out', (), '', '', workers='--workers', again=0)
    with pytest.raises(row.Broken) as caught:
        kills.kill_and_rerun(stage, [sys.executable, '-c', _HEAD + script, str(tmp_path / 'out')], tmp_path,
                             event=lambda age: (tmp_path / 'waiting').exists(), group=True, workers=1, expected=_WHOLE,
                             logs=tmp_path)
    assert words in str(caught.value)


def test_a_block_leaves_no_process_behind(tmp_path):
    with Running(['bash', '-c', 'sleep 60 & echo $!; wait'], tmp_path / 'log') as running:
        assert not running.ended_before(lambda age: (tmp_path / 'log').read_text().endswith('\n'))
        assert running.kill(group=False)
        orphan = int((tmp_path / 'log').read_text())
        assert 'sleep' in Path(f'/proc/{orphan}/cmdline').read_text()
    deadline = time.monotonic() + 10
    while Path(f'/proc/{orphan}/cmdline').exists() and Path(f'/proc/{orphan}/cmdline').read_text():  # a zombie has none
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_processes_that_go_on_after_a_kill_are_seen(tmp_path):
    with Running(['bash', '-c', 'sleep 61 & wait'], tmp_path / 'log') as running:
        assert not running.ended_before(lambda age: 'sleep 61 ' in running.left(0))
        assert running.kill(group=False)
        assert running.left(0.2) == ['sleep 61 ']
    with Running(['bash', '-c', 'sleep 0.5 & wait'], tmp_path / 'log') as running:
        assert running.finish()[0] == 0 and running.left() == []


def test_what_did_not_hold_is_kept_and_named(tmp_path):
    def prepare(work):
        def inject(folder, rng):
            if folder.name == '001':
                raise row.Broken('two bytes were lost')
            return f'drew {rng.randrange(10 ** 6)}'
        return inject

    ours, other = (row.inject(name, row.Fault('a fault', 3, prepare, comparison), tmp_path, count=3, seed=5, jobs=2)
                   for name, comparison in (('ours', False), ('theirs', True)))
    assert (ours.injected, ours.held, ours.failed, other.failed) == (3, 2, True, False)
    assert [path.name for path in (tmp_path / 'ours').iterdir()] == ['001']
    text = row.table([ours], 'run')
    assert '| a fault | 3 | 3 | 2 | 0 s | `run --only ours` |' in text
    assert f'ours: did not hold: {tmp_path}/ours/001: two bytes were lost' in text
    again = row.inject('ours', ours.fault, tmp_path, count=3, seed=5, jobs=1)
    assert again.tally == ours.tally


def test_rows_that_do_not_exist_are_refused(tmp_path):
    status, text = run([sys.executable, '-m', 'tools.faults', '--only', 'kill-crop,earthquake'], tmp_path / 'log')
    assert status == 2 and 'found earthquake' in text


def test_the_table_of_the_documentation_has_every_row():
    text = (ROOT / 'docs/reliability.md').read_text()
    for name, fault in FAULTS.items():
        assert f'| {fault.count} |' in text and f'--only {name}`' in text


@pytest.mark.mm
def test_a_checkpoint_hook_that_loses_checkpoints_is_caught(tmp_path):
    """mmengine's own."""
    injector = checkpoints.prepare('mmengine', tmp_path)
    (tmp_path / 'once').mkdir()
    with pytest.raises(row.Broken, match='could not be resumed'):
        injector(tmp_path / 'once', random.Random(0))


@pytest.mark.mm
def test_every_fault_once(tmp_path):
    names = [name for name in FAULTS if not name.startswith('kill-c') and not FAULTS[name].comparison]
    done = subprocess.run([sys.executable, '-m', 'tools.faults', '--count', '1', '--only', ','.join(names), '--work',
                           tmp_path / 'work'], capture_output=True, text=True, cwd=ROOT)
    if 'lets nobody mount' in done.stdout:
        pytest.skip('this machine lets nobody mount a tmpfs')
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    for name in names:
        assert f'--only {name}` |' in done.stdout
