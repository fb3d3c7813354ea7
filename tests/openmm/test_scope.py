"""The libraries import in environments that have more than the lock."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


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
