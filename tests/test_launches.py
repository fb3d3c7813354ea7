"""Operators and waits are counted as they are dispatched, part by part."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tools.bench import launches
from tools.bench.launch_count import Counts, counted

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize('step, waits', [
    (lambda x: x.sum().item(), {'item': 1}), (lambda x: bool((x > 0).any()), {'item': 1}),
    (lambda x: x[x > 0], {'mask': 1}), (lambda x: x.nonzero(), {'nonzero': 1}), (lambda x: x.unique(), {'unique': 1}),
    (lambda x: x.masked_fill(x > 0, 1), {}), (lambda x: x[torch.tensor([0, 1])], {}),
    (lambda x: x.cpu().tolist(), {'cpu': 1}), (lambda x: x.tolist(), {'tolist': 1}),
    (lambda x: x.new_tensor([1.]), {'new_tensor': 1}), (lambda x: torch.equal(x, x), {'equal': 1}),
    (lambda x: x.clone().masked_scatter_(x > 9, x), {}), (lambda x: x.topk(2), {})])
def test_what_waits_is_known_by_name(step, waits):
    x = torch.arange(4.)
    with counted() as counts:
        step(x)
    assert dict(counts.waits['network']) == waits


def test_one_value_is_filled_in_without_asking_where():
    x, y = torch.arange(4.), torch.arange(4.)
    with counted() as counts:
        x[x > 1] = 0
    assert not counts.waits
    with counted() as counts:
        y[y > 1] = torch.tensor([7., 8.])
    assert dict(counts.waits['network']) == {'mask': 1} and y.tolist() == [0, 1, 7, 8]


def test_backward_passes_and_parts_are_counted():
    class Owner:
        def step(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    counts, owner, x = Counts(), Owner(), torch.ones(3, requires_grad=True)
    counts.as_part('optimiser', owner, 'step')
    with counted(counts):
        owner.step(x)
        (x * 3).sum().backward()
    assert counts.operators['optimiser'] == {'mul': 1}
    assert counts.operators['network']['mul'] == 2 and counts.operators['network']['sum'] == 1


def test_the_table_has_a_row_for_each_side_batch_and_part():
    said = dict(train={'network': dict(operators=2034, waits=1), 'hooks': dict(operators=3, waits=0.5)})
    rows = launches.table([('a', 'stock', 2, said), ('a', 'ours', 2, said)])
    assert rows[2:] == [f'| a | training, {part} | {side} | 2 | {numbers} |' for part, numbers in
                        (('network', '2,034 | 1'), ('hooks', '3 | 0.5')) for side in ('stock', 'ours')]


def test_a_config_is_looked_at_before_anything_is_counted(tmp_path, capsys):
    assert launches.main(['--config', str(tmp_path / 'none.py')]) == 2
    assert 'none.py' in capsys.readouterr().err


@pytest.mark.mm
def test_a_classifiers_step_does_not_wait(capsys):
    leaf = ROOT / 'mm_configs/classify/resnet18_64px.py'
    assert launches.main(['--config', str(leaf), '--batch', '2', '--no-stock']) == 0
    rows = {tuple(row.split(' | ')[1:3]): row.split(' | ') for row in capsys.readouterr().out.splitlines()
            if row.startswith('| resnet18')}
    for part in ('network', 'optimiser', 'hooks'):
        assert rows[f'training, {part}', 'ours'][5].rstrip(' |') == '0'
    assert int(rows['training, network', 'ours'][4].replace(',', '')) > 200
