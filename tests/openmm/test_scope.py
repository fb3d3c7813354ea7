"""The libraries import in environments that have more than the lock."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.mm
def test_mmpretrain_imports_beside_a_transformers_that_it_does_not_know(tmp_path):
    """As in an active environment that has transformers 5, of which names are gone that mmpretrain's BLIP imports."""
    (tmp_path / 'transformers').mkdir()
    (tmp_path / 'transformers/__init__.py').write_text('')
    (tmp_path / 'transformers-5.0.0.dist-info').mkdir()
    (tmp_path / 'transformers-5.0.0.dist-info/METADATA').write_text(
        'Metadata-Version: 2.1\nName: transformers\nVersion: 5.0.0\n')
    done = subprocess.run([sys.executable, '-c',
                           'from pipelines.openmm.compat import scope; scope.enter("mmpretrain")'],
                          env={**os.environ, 'PYTHONPATH': str(tmp_path)}, cwd=Path(__file__).resolve().parents[2],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.mm
@pytest.mark.parametrize('name', ['detect/faster-rcnn_r18_fpn', 'synth/biggan-deep_64px', 'classify/resnet18_64px'])
def test_a_process_that_only_enters_a_scope_knows_every_hook_of_a_training(name, tmp_path):
    """torchrun's processes read the prepared config from a file, and have not called `training.prepare` themselves."""
    from mmengine import Config

    from pipelines.openmm.engine import training
    cfg = Config.fromfile(ROOT / 'mm_configs' / f'{name}.py')
    training.prepare(cfg, tmp_path, seed=0)
    types = [hook['type'] for hook in (*cfg.custom_hooks, *cfg.default_hooks.values())]
    assert {'SecondsHook', 'mmengine.SafeCheckpointHook'} <= {*types}
    program = ('import sys\nfrom mmengine.registry import HOOKS\nfrom pipelines.openmm.compat import scope\n'
               f'scope.enter({cfg.default_scope!r})\n'
               'with HOOKS.switch_scope_and_registry(None) as registry:\n'  # as its build does
               '    sys.exit(", ".join(name for name in sys.argv[1:] if registry.get(name) is None) or 0)')
    done = subprocess.run([sys.executable, '-c', program, *types], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f'not registered: {done.stderr[-2000:]}'
