"""The digest of a config is that of what it says when it is resolved."""
from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from pipelines.core import code
from pipelines.openmm.engine import config_files, config_imports


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


def test_any_variable_that_the_stages_do_not_set_counts(config, monkeypatch):
    config.write_text('_base_ = "./base.py"\nepochs = {{"$FGIC_EPOCHS:3"}}\n')
    before = config_files.digest(config)
    monkeypatch.setenv('FGIC_EPOCHS', '30')
    assert config_files.digest(config) != before
    assert config_files.parameters(config)['environment'] == dict(FGIC_EPOCHS='30')


def test_of_two_overrides_of_one_key_the_order_counts(config):
    def digest(*options: str) -> str:
        return config_files.digest(config, options)

    assert digest('a=1', 'b=2') == digest('b=2', 'a=1')
    assert digest('a=1', 'a=2') != digest('a=2', 'a=1')
    assert digest('a.b=1', "a={'b': 2}") != digest("a={'b': 2}", 'a.b=1')


@pytest.mark.parametrize(('line', 'options'), [
    ('custom_imports = dict(imports=["own_losses.focal"])', ()), ('from own_losses.focal import GAMMA', ()),
    ('_base_.custom_imports.imports = ["own_losses.focal"]', ()),
    ('epochs = 3', ['custom_imports.imports=[own_losses.focal]'])])
def test_the_code_that_a_config_imports_counts_and_what_that_imports(line, options, config, monkeypatch):
    package = config.parent / 'modules' / 'own_losses'
    package.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(package.parent))
    for name in ('own_losses', 'own_losses.focal', 'own_losses.shared', 'helper'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name, text in {'__init__': '', 'focal': 'from .shared import ALPHA\nimport helper\nGAMMA = 2\n',
                       'shared': 'ALPHA = 1\n', 'apart': ''}.items():
        (package / f'{name}.py').write_text(text)
    (package.parent / 'helper.py').write_text('BETA = 1\n')
    (config.parent / 'base.py').write_text('custom_imports = dict(imports=[])\n')
    config.write_text(f'_base_ = "./base.py"\n{line}\n')

    def digest() -> str:
        code.digest.cache_clear()
        code._imported.cache_clear()
        return config_files.digest(config, options)

    found = [digest()]
    for file in (package / 'focal.py', package / 'shared.py', package.parent / 'helper.py', package / '__init__.py'):
        file.write_text(file.read_text() + 'MORE = 1\n')
        found.append(digest())
    assert len(set(found)) == 5
    (package / 'apart.py').write_text('MORE = 1\n')
    (package / 'focal.py').write_text((package / 'focal.py').read_text() + '# a remark\n')
    assert digest() == found[-1]


def test_an_installed_package_counts_by_its_version_and_our_own_code_not_at_all(config, monkeypatch):
    config.write_text('custom_imports = dict(imports=["pipelines.openmm.classify.classification"])\n')
    assert config_imports.digest([ast.parse(config.read_text())]) == ''
    tree = ast.parse('custom_imports = dict(imports=["timm.models"])')
    before = config_imports.digest([tree])
    monkeypatch.setattr(config_imports.metadata, 'version', lambda package: '0.0.1')
    assert before and config_imports.digest([tree]) not in ('', before)
