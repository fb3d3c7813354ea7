"""The chain of stages on a drawn dataset, undisturbed: what every disturbed run is compared with."""
from __future__ import annotations

import functools
import hashlib
import os
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.manifest import LOGS
from tools.faults.processes import ROOT, succeed

Snapshot = dict[str, str]


@dataclass(frozen=True)
class Stage:
    """A stage, as a user types it.

    Args:
        module: after ``python -m``.
        out: the result, below the dataset's folder.
        reads: what lies below the dataset's folder when it starts.
        arguments: ``{}`` stands for the dataset's folder.
        other: more arguments, with which it gives another result.
        workers: its option for the number of processes; empty: it has none, or they decide its bytes.
        shards: it works in shards, and says how many it found done.
        again: files that a killed worker's next run may make again at most; None: all, as the stage starts anew.
    """
    module: str
    out: str
    reads: tuple[str, ...]
    arguments: str
    other: str
    workers: str = ''
    shards: bool = True
    again: int | None = None

    def command(self, data: Path, *more: str, other: bool = False) -> list[str]:
        words = f'{self.arguments} {self.other if other else ""}'.split()
        return [sys.executable, '-m', self.module, *(word.format(data) for word in words), *more]


_DETECT = '--coco {}/convert --out {}/detect --config {}/configs/detect.py'
STAGES = dict(
    convert=Stage('data_converters.convert', 'convert', (), '--dataset toy-dogs --raw {}/raw --out {}/convert',
                  '--seed 1', workers='--workers'),
    train=Stage('pipelines.detect', 'models/detect/detect', ('convert', 'configs'), _DETECT, '--seed 1',
                shards=False),
    detect=Stage('pipelines.detect', 'detect', ('convert', 'configs', 'models'), _DETECT,
                 '--seed 1 --model-dir {}/models/other'),
    crop=Stage('pipelines.crop', 'crop', ('convert',), '--coco {}/convert --boxes gt --out {}/crop', '--size 128',
               workers='--workers', again=2 * 250),
    synth=Stage('pipelines.synth', 'synth/synth', ('crop', 'configs', 'models'),
                '--crops {}/crop --out {}/synth/synth --config {}/configs/synth.py --images-per-class 16 '
                '--classifier-steps 2', '--images-per-class 6', again=4),
    classify=Stage('pipelines.classify', 'classify', ('convert', 'crop', 'configs'),
                   '--data {} --out {}/classify --rows {}/configs/plain.py@full {}/configs/mixed.py@square --jobs 2 '
                   '--seeds 0', '1', shards=False))

# Children of the toys' configs that train for one iteration, or one epoch where that is one.
CONFIGS = dict(
    detect=('detect/faster-rcnn_r18_fpn.py',
            'train_cfg = dict(max_epochs=1, val_interval=1)\ntrain_dataloader = dict(dataset=dict(indices=4))\n'),
    synth=('synth/biggan-deep_64px.py',
           'train_cfg = dict(max_iters=1)\ndefault_hooks = dict(logger=dict(interval=1))\n'
           'sampling = dict(batch=1, standing_batches=1)\n'),
    plain=('classify/resnet18_64px.py', 'train_cfg = dict(max_epochs=1, val_interval=1)\n'),
    mixed=('classify/resnet18_64px.py', 'train_cfg = dict(max_epochs=1, val_interval=1)\n'))


def write_configs(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (parent, lines) in CONFIGS.items():
        (folder / f'{name}.py').write_text(f'"""{name}."""\n_base_ = {str(ROOT / "mm_configs" / parent)!r}\n{lines}')


def snapshot(folder: Path) -> Snapshot | None:
    """What there is to see of a result: by path, the SHA-256 of a file or the place a link leads to; None without it.

    A training's logs (TensorBoard events, checkpoints) are left out: they hold the time of day.
    """
    if not folder.exists():
        return None
    seen: Snapshot = {}
    for parent, folders, files in os.walk(folder):
        place = Path(parent)
        if place == folder and LOGS in folders:
            folders.remove(LOGS)
        for name in [*files, *(name for name in folders if (place / name).is_symlink())]:
            path = place / name
            seen[path.relative_to(folder).as_posix()] = (
                f'-> {path.resolve()}' if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest())
    return seen


def differences(found: Snapshot | None, expected: Snapshot) -> str:
    """The first few paths on which two snapshots disagree."""
    if found is None:
        return 'nothing there'
    return ', '.join(sorted(path for path in {*found, *expected} if found.get(path) != expected.get(path))[:5])


class Chain:
    """Stages on one drawn dataset: each with its result, and another that is laid in its place as an earlier one.

    Args:
        work: gets ``undisturbed/<toy>/``: ``base`` (a dataset's folder), ``other/<stage>`` (with the other result).
        toy: arguments of ``data_converters.toy``.
    """

    def __init__(self, work: Path, toy: str) -> None:
        self.toy, self.root = toy, work / 'undisturbed' / toy.replace('--', '').replace(' ', '_')
        self.base, self._lock = self.root / 'base', threading.Lock()
        self._shown: dict[tuple[str, bool], Snapshot] = {}

    def prepare(self, name: str) -> None:
        """Draw the data and run all that a stage needs, the stage, and the stage with its other arguments."""
        if self._other(name).exists():
            return
        write_configs(self.base / 'configs')
        succeed([sys.executable, '-m', 'data_converters.toy', '--dataset', 'toy-dogs', '--out', self.base / 'raw',
                 *self.toy.split()], self.root / 'toy.log')
        for needed in STAGES[name].reads:
            if needed in STAGES:
                self.prepare(needed)
        succeed(STAGES[name].command(self.base), self.root / f'{name}.log')
        self.copy(name, self._other(name))
        succeed(STAGES[name].command(self._other(name), other=True), self.root / f'{name}-other.log')

    def _other(self, name: str) -> Path:
        return self.root / 'other' / name

    def copy(self, name: str, data: Path, *, earlier: bool = False) -> None:
        """Lay out a dataset's folder on which a stage is to run, with or without its other result as an earlier one."""
        data.mkdir(parents=True)
        (data / 'raw').symlink_to((self.base / 'raw').resolve())
        parts = {part: self.base / part for part in STAGES[name].reads}
        if (models := self._other(name) / 'models').exists() and 'models' in parts:
            parts['models'] = models  # those of both commands: no run is to train
        if earlier:
            parts[STAGES[name].out] = self._other(name) / STAGES[name].out
        for part, source in parts.items():
            shutil.copytree(source, data / part, symlinks=True, ignore=shutil.ignore_patterns(LOGS, '.*'))

    def result(self, name: str, *, other: bool = False) -> Snapshot:
        """What an undisturbed run shows."""
        with self._lock:
            if (name, other) not in self._shown:
                root = self._other(name) if other else self.base
                self._shown[name, other] = snapshot(root / STAGES[name].out) or {}
            return self._shown[name, other]


@functools.cache
def chain(work: Path, toy: str, *names: str) -> Chain:
    """A chain on which these stages have run."""
    made = chain(work, toy) if names else Chain(work, toy)
    for name in names:
        made.prepare(name)
    return made
