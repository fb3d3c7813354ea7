"""Hooks for every library: numbers as JSON lines, one progress bar; checkpoints.py has the one of checkpoints."""
from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce_dict, is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop

from pipelines.openmm.engine import waiting  # noqa: F401  (its hook and its optimiser wrapper register themselves)
from pipelines.openmm.engine.checkpoints import AtomicLocalBackend


def _number(value: Any) -> float | None:
    if isinstance(value, torch.Tensor):
        value = value.item() if value.numel() == 1 else None
    return round(float(value), 6) if isinstance(value, (int, float)) else None


@HOOKS.register_module(force=True)
class MetricsHook(Hook):
    """Write ``metrics.jsonl``: losses every ``interval`` iterations, and each validation. Resuming cuts what is redone.

    Args:
        path: the file.
        interval: in iterations.
    """
    priority = 'VERY_LOW'

    def __init__(self, path: str, interval: int = 10) -> None:
        self.path, self.interval = Path(path), interval

    def before_train(self, runner: Any) -> None:
        if is_main_process() and self.path.exists():
            kept = []
            for line in self.path.read_text().splitlines():
                with contextlib.suppress(ValueError):  # cut off by a crash: written again by the steps that follow
                    kept += [line] if json.loads(line)['step'] <= runner.iter else []
            AtomicLocalBackend().put_text(''.join(f'{line}\n' for line in kept), self.path)

    def _append(self, step: int, epoch: int | None, scalars: dict) -> None:
        row = {name: number for name, value in scalars.items() if (number := _number(value)) is not None}
        if row and is_main_process():
            with self.path.open('a') as stream:
                stream.write(json.dumps(dict(step=step, epoch=epoch, **row)) + '\n')

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        if (runner.iter + 1) % self.interval == 0:
            by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
            losses = {name: torch.tensor(number, dtype=torch.float64) for name, value in (outputs or {}).items()
                      if (number := _number(value)) is not None}
            if losses:
                all_reduce_dict(losses, 'mean')  # each process has those of its own part of the batch
            self._append(runner.iter + 1, runner.epoch + 1 if by_epoch else None, losses)

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self._append(runner.iter, runner.epoch, {f'val/{name}': value for name, value in (metrics or {}).items()})


@HOOKS.register_module(force=True)
class ProgressHook(Hook):
    """One tqdm bar over all iterations of a training, with the loss and the latest validation metric; or of a test.

    Args:
        title: in front of the bar.
    """
    priority = 'VERY_LOW'

    def __init__(self, title: str = 'train') -> None:
        self.title = title
        self.bar: Any = None
        self.shown: dict[str, str] = {}

    def _start(self, total: int, done: int = 0) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=total, initial=done, desc=self.title, unit='it', dynamic_ncols=True, mininterval=0.5,
                        disable=not is_main_process())

    def before_train(self, runner: Any) -> None:
        self._start(runner.max_iters, runner.iter)

    def before_test(self, runner: Any) -> None:
        self._start(len(runner.test_dataloader))

    def after_test_iter(self, *args: Any, **kwargs: Any) -> None:
        self.bar.update()

    def after_test(self, runner: Any) -> None:
        self.bar.close()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        if outputs and self.bar.n % 10 == 0:
            losses = {name: _number(value) for name, value in outputs.items() if name.startswith('loss')}
            loss = losses.get('loss', next(iter(losses.values()), None))
            if loss is not None:
                self.shown['loss'] = f'{loss:.3f}'
            self.bar.set_postfix(self.shown, refresh=False)
        self.bar.update()

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        if metrics and self.bar is not None:
            name, value = next(iter(metrics.items()))
            self.shown['val ' + name.rsplit('/', 1)[-1]] = f'{value:.3f}'

    def after_train(self, runner: Any) -> None:
        self.bar.close()
