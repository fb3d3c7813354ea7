"""Trainings by several processes, as tools/dist_train.sh starts them."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipelines.crop import main as crop

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'mm_configs'


def cropped(convert: Path, folder: Path) -> Path:
    """A WORK folder whose dataset has 21 train, 3 val and 12 test images, cropped."""
    (folder / 'toy-dogs').mkdir()
    (folder / 'toy-dogs/convert').symlink_to(convert)
    crop(['--coco', str(convert), '--boxes', 'gt', '--size', '64', '--out', str(folder / 'toy-dogs/crop')])
    return folder


def config(folder: Path, stage: str, text: str) -> Path:
    path = folder / stage / 'child.py'
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def start(script: str, path: Path, processes: int, *arguments: str | Path, **variables: str | int) -> subprocess.Popen:
    return subprocess.Popen(
        list(map(str, [ROOT / 'tools' / script, f'{path}@square' if 'classify' in path.parts else path, processes,
                       '--dataset', 'toy-dogs', *arguments])), text=True,
        cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, 'VIRTUAL_ENV': sys.prefix, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '',
             **{name: str(value) for name, value in variables.items()}})


def end(launcher: subprocess.Popen) -> str:
    out, err = launcher.communicate(timeout=600)
    assert launcher.returncode == 0, err[-5000:]
    return out


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / 'metrics.jsonl').read_text().splitlines()]
