"""Environments that users have: a clone of a library on PYTHONPATH, a virtual environment without pip."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_a_clone_of_a_library_on_the_path_is_the_cause_that_is_named(tmp_path):
    (tmp_path / 'mmdet').mkdir()
    (tmp_path / 'mmdet/__init__.py').write_text('__version__ = "2.28.2"\n')
    program = ('from pipelines.core.errors import command\nfrom pipelines.openmm.compat import scope\n'
               'raise SystemExit(command(lambda argv: scope.check_installed())([]))')
    for path, status in ((f'{tmp_path}{os.pathsep}{ROOT}', 2), (str(ROOT), 0)):
        done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT,
                              env={**os.environ, 'PYTHONPATH': path})
        assert done.returncode == status, done.stderr
        if status:
            assert 'import mmdet: expected onedl-mmdetection at ' in done.stderr and 'unset PYTHONPATH' in done.stderr
            assert f'found {tmp_path / "mmdet"}, which comes first on the path' in done.stderr


@pytest.mark.skipif(importlib.util.find_spec('ensurepip') is None, reason='this Python brings no pip along')
def test_an_environment_without_pip_is_given_one(tmp_path):
    """As uv makes them. The index cannot be reached here: nothing is installed."""
    venv = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', venv], check=True)
    done = subprocess.run(['bash', 'tools/setup.sh', venv], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, 'PIP_INDEX_URL': 'http://127.0.0.1:9', 'PIP_RETRIES': '0',
                               'PIP_CONFIG_FILE': os.devnull, 'PIP_NO_CACHE_DIR': '1'})
    assert done.returncode == 2 and 'No module named pip' not in done.stderr
    if 'GiB of free disk' not in done.stderr:
        assert 'pip failed' in done.stderr
    found = subprocess.run([venv / 'bin/python', '-m', 'pip', '--version'], capture_output=True, text=True)
    assert found.returncode == 0 and str(venv) in found.stdout
