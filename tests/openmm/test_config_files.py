"""The digest of a config is that of what it says when it is resolved."""
from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.openmm.engine import config_files


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / 'base.py').write_text("data_root = '{{$FGIC_DATA_ROOT:work_dirs}}'\nlr = {{'$MY_LR:0.002'}}\n")
    (tmp_path / 'child.py').write_text('"""A child."""\n_base_ = "./base.py"\nepochs = 3\n')
    return tmp_path / 'child.py'


def test_an_environment_variable_that_a_base_reads_counts_and_is_said(config, monkeypatch):
    monkeypatch.delenv('MY_LR', raising=False)
    before = config_files.digest(config)
    assert config_files.parameters(config) == dict(config='child.py', config_sha256=before)
    monkeypatch.setenv('MY_LR', '0.000001')
    monkeypatch.setenv('ANOTHER', '1')
    after = config_files.parameters(config, ['epochs=4'])
    assert after['environment'] == dict(MY_LR='0.000001') and after['options'] == ['epochs=4']
    assert before != config_files.digest(config) != after['config_sha256']


def test_where_the_data_lie_does_not_count(config, monkeypatch):
    before = config_files.digest(config)
    monkeypatch.setenv('FGIC_DATA_ROOT', '/elsewhere')
    assert config_files.digest(config) == before


def test_a_config_that_imports_is_resolved(config, monkeypatch):
    config.write_text('_base_ = "./base.py"\nimport os\nepochs = int(os.environ.get("EPOCHS", 3))\n')
    found = {}
    for epochs in ('3', '4', '3'):
        monkeypatch.setenv('EPOCHS', epochs)
        found.setdefault(epochs, set()).add(config_files.digest(config))
    assert len(found['3']) == 1 and found['3'] != found['4']


def test_options_that_are_not_read_are_not_said(config):
    read = config_files.parameters(config, ['epochs=4', 'sampling.dtype=bfloat16'], unread=['sampling'])
    assert read == config_files.parameters(config, ['epochs=4'], unread=['sampling'])
    assert read['options'] == ['epochs=4']
