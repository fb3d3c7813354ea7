"""docs/config_keys.md says of every key what becomes of it."""
from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from pipelines.openmm.engine import config as mm

ROOT = Path(__file__).resolve().parents[2]


def documented() -> set[str]:
    rows = re.findall(r'^\| (`.*?) \|', (ROOT / 'docs/config_keys.md').read_text(), flags=re.M)
    return {name for row in rows for name in re.findall(r'`([\w.]+)`', row)}


def test_every_key_of_the_runner_is_there():
    from mmengine.runner import Runner
    read = set(re.findall(r"self\.cfg\.get\(\s*'(\w+)'", inspect.getsource(Runner)))
    assert set(inspect.signature(Runner).parameters) | read <= documented()
    assert set(mm.RUNNER_READS) | {'compile'} == read


@pytest.mark.parametrize('scope', ['mmdet', 'mmpretrain', 'mmagic'])
def test_every_key_that_is_read_is_there(scope):
    assert mm.effective_keys(scope) <= documented()


@pytest.mark.parametrize('library', ['mmdet', 'mmpretrain', 'mmagic'])
def test_every_key_of_the_libraries_default_configs_is_there(library):
    import ast
    import importlib.util
    package = Path(importlib.util.find_spec(library).origin).parent
    tree = ast.parse((package / '.mim/configs/_base_/default_runtime.py').read_text())
    names = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    assert {'default_hooks', 'visualizer'} <= names <= documented()
