"""bench-gpu: steps have limits, results are written as they come, and what is done is not done again."""
from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.bench import gpu, processes

PRINTED = """drawing pictures
| ResNet, training, with its loader | 2x | 10.0 | 20.0 | 2.00x | 1 / 1 | 1% / 2% | 3% / 4% | holds |
| what | asked | stock, img/s | ours, img/s | ratio | peak MB | of the FLOP limit | of the byte limit | verdict |
|---|---|---|---|---|---|---|---|---|
| ResNet, training, with its loader | 2x | 10.0 | 20.0 | 2.00x | 1 / 1 | 2% / 4% | 3% / 4% | holds |
| ResNet, training, step alone | 2x | 11.0 | 20.0 | 1.82x |  | 2% / 4% | 3% / 4% | missed |
"""
CARD = dict(device='Card A', torch='2', memory_gib=80)


def step(name: str, program: str, limit: int = 20) -> gpu.Step:
    return gpu.Step(name, f'what {name} shows', ('-c', program), (), limit)


def steps(tmp_path: Path, *more: gpu.Step) -> tuple[gpu.Step, ...]:
    """One that prints a table and counts how often it ran."""
    (tmp_path / 'printed').write_text(PRINTED)
    counted = f'open({str(tmp_path / "runs")!r}, "a").write("x"); print(open({str(tmp_path / "printed")!r}).read())'
    return (step('rates', counted), *more)


@pytest.fixture
def card(monkeypatch):
    monkeypatch.setattr(gpu, 'card', lambda: dict(CARD))


def results(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / 'out' / gpu.RESULTS).read_text().splitlines()]


def test_a_row_stands_once_and_as_it_was_said_last():
    rows = gpu.table_rows(PRINTED)
    assert [row.split(' | ')[6] for row in rows] == ['2% / 4%', '2% / 4%'] and len(rows) == 2
    assert gpu.head(PRINTED).startswith('| what | asked |')
    assert gpu.words('x\n===== 11 passed, 7 skipped in 12.3s =====\n') == '11 passed, 7 skipped in 12.3s'
    assert gpu.words('11 passed in 62.31s (0:01:02)\n') == '11 passed in 62.31s (0:01:02)'


def test_steps_are_run_once_written_as_they_come_and_resumed(tmp_path, monkeypatch, card, capsys):
    broken = step('broken', 'print("a word"); raise SystemExit(3)')
    monkeypatch.setattr(gpu, 'STEPS', steps(tmp_path, broken))
    arguments = ['--out', str(tmp_path / 'out')]
    assert gpu.main(arguments) == 0
    assert [(row['step'], row['state'], row['words']) for row in results(tmp_path)][1] == ('broken', 'failed', 'a word')
    table = (tmp_path / 'out' / gpu.TABLE).read_text()
    assert '### Card A, 80 GiB' in table and table.count('| ResNet, training, step alone |') == 1
    assert '- broken: what broken shows; 0 s, failed: a word' in table
    assert 'not finished: broken' in capsys.readouterr().out
    assert gpu.main(arguments) == 0  # what failed is tried again, what is done is not
    assert (tmp_path / 'runs').read_text() == 'x' and [row['step'] for row in results(tmp_path)] == [
        'rates', 'broken', 'broken']
    assert gpu.main([*arguments, '--only', 'rates', '--again']) == 0 and (tmp_path / 'runs').read_text() == 'xx'


def test_another_card_is_another_result(tmp_path, monkeypatch, card):
    monkeypatch.setattr(gpu, 'STEPS', steps(tmp_path))
    gpu.main(['--out', str(tmp_path / 'out')])
    monkeypatch.setattr(gpu, 'card', lambda: dict(CARD, device='Card B'))
    gpu.main(['--out', str(tmp_path / 'out')])
    assert (tmp_path / 'runs').read_text() == 'xx'
    assert 'Card A' not in (tmp_path / 'out' / gpu.TABLE).read_text()


def test_a_step_that_hangs_is_cut_with_what_it_started_and_keeps_its_rows(tmp_path, monkeypatch, card):
    child = (f'import subprocess, sys, time; print(open({str(tmp_path / "printed")!r}).read(), flush=True); '
             f'p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]); '
             f'open({str(tmp_path / "pid")!r}, "w").write(str(p.pid)); time.sleep(60)')
    monkeypatch.setattr(gpu, 'STEPS', steps(tmp_path, step('hangs', child, 2)))
    start = time.monotonic()
    assert gpu.main(['--out', str(tmp_path / 'out'), '--only', 'hangs']) == 0
    assert time.monotonic() - start < 20
    (row,) = results(tmp_path)
    assert row['state'] == 'cut' and len(row['rows']) == 2
    status = Path(f'/proc/{(tmp_path / "pid").read_text()}/stat')
    assert not status.exists() or status.read_text().split()[2] == 'Z'


def test_no_step_begins_after_the_minutes(tmp_path, monkeypatch, card, capsys):
    monkeypatch.setattr(gpu, 'STEPS', (step('first', 'import time; time.sleep(1)'), *steps(tmp_path)))
    gpu.main(['--out', str(tmp_path / 'out'), '--minutes', '0.01'])
    assert not (tmp_path / 'runs').exists() and 'not finished: rates, first' in capsys.readouterr().out


def test_full_sizes_need_a_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, 'card', lambda: dict(device='CPU', torch='2', memory_gib=None))
    assert gpu.main(['--out', str(tmp_path / 'out')]) == 2
    assert 'GPU: expected a GPU that torch can use, found none' in capsys.readouterr().err


def test_every_step_names_a_program_and_options_that_there_are(tmp_path):
    for each in gpu.STEPS:
        for size in ('full', 'small'):
            line = each.command(size, tmp_path)
            assert line[1] == '-m' and not any('{' in word for word in line)
            if line[2] == 'tools.bench.train':
                from tools.bench import train
                args = train._parser().parse_args(line[3:])
                assert train.chosen_cases(args, size)
    assert sum(each.limit for each in gpu.STEPS[:3]) <= 8 * 60  # a table of use in eight minutes


def test_a_program_that_ends_well_says_so(tmp_path):
    assert processes.run([sys.executable, '-c', 'print(1)'], tmp_path / 'log', limit=20, cwd=tmp_path) == 0
    assert (tmp_path / 'log').read_text() == '1\n'
    assert processes.run([sys.executable, '-c', 'raise SystemExit(4)'], tmp_path / 'log', limit=20, cwd=tmp_path) == 4


def test_list_runs_nothing():
    done = subprocess.run([sys.executable, '-m', 'tools.bench.gpu', '--list'], capture_output=True, text=True)
    assert done.returncode == 0 and 'python -m pytest -m gpu' in done.stdout
