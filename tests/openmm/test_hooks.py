"""Checkpoints are resumed to the same numbers; that no kill loses one is in tests/test_faults.py."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core import seconds
from pipelines.openmm.weights import loading as weights

ROOT = Path(__file__).resolve().parents[2]


def train(folder: Path, epochs: int = 6) -> None:
    subprocess.run([sys.executable, '-m', 'tools.faults.tiny_training', folder, '--epochs', str(epochs)], check=True,
                   capture_output=True, cwd=ROOT)


def losses(folder: Path) -> list[tuple]:
    return [tuple(json.loads(line).items()) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


@pytest.mark.mm
def test_resumed_training_has_the_same_numbers(tmp_path):
    import torch
    train(tmp_path / 'whole')
    train(tmp_path / 'parts', epochs=2)
    (tmp_path / 'parts/model.pth').unlink()
    train(tmp_path / 'parts')
    assert losses(tmp_path / 'whole') == losses(tmp_path / 'parts')
    assert len(losses(tmp_path / 'whole')) == 6 * 3 + 6
    whole, parts = (weights.load(tmp_path / name / 'model.pth') for name in ('whole', 'parts'))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.mm
def test_a_training_records_where_its_time_goes(tmp_path):
    train(tmp_path, epochs=2)
    first = seconds.read(tmp_path)
    assert first['counts'] == {'iterations': 2 * 3, 'validations': 2, 'val images': 2 * 12}
    assert all(first[part] > 0 for part in ('start', 'loading', 'step', 'hooks', 'validation'))
    train(tmp_path, epochs=5)  # goes on
    assert seconds.read(tmp_path)['counts'] == {'iterations': 5 * 3, 'validations': 5, 'val images': 5 * 12}
