"""Hooks for every library: checkpoints that survive a kill, numbers as JSON lines, one progress bar."""
from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce_dict, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop

from pipelines.core.files import replacing


class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written beside and renamed: a reader sees the old bytes or the new ones."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, binary=True) as stream:
            stream.write(obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)


register_backend('local', AtomicLocalBackend, force=True, prefixes='')


@HOOKS.register_module(force=True)
class SafeCheckpointHook(CheckpointHook):
    """mmengine's hook, but always resumable, and to the same numbers.

    mmengine deletes the old file before the new one is safe, saves an epoch before it is validated, and does not save
    the states of the random generators. Here a checkpoint is written after the validation of its epoch and renamed into
    place before older ones go; the best weights so far are ``best.pth``.
    """
    best = 'best.pth'

    def after_train_epoch(self, runner: Any) -> None:
        loop = runner.train_loop
        epoch = runner.epoch + 1
        validated = runner.val_loop is not None and epoch >= loop.val_begin and \
            (epoch % loop.val_interval == 0 or epoch == loop.max_epochs)
        if not (self.by_epoch and validated):
            super().after_train_epoch(runner)

    def after_val_epoch(self, runner: Any, metrics: dict) -> None:
        super().after_val_epoch(runner, metrics)
        if self.by_epoch and (runner.epoch % self.interval == 0 or runner.epoch == runner.max_epochs):
            self._save_checkpoint_with_step(runner, runner.epoch, dict(epoch=runner.epoch, iter=runner.iter))

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        if not self.save_best:
            return
        indicator, rule = self.key_indicators[0], self.rules[0]
        score, hub = metrics[indicator], runner.message_hub
        best = hub.get_info('best_score', self.init_value_map[rule])
        if score == best or self.is_better_than[indicator](score, best):  # of equals the later: it saw more
            hub.update_info('best_score', score)
            hub.update_info('best_epoch', runner.epoch)
            runner.save_checkpoint(self.out_dir, self.best, save_optimizer=False, save_param_scheduler=False,
                                   meta=dict(epoch=runner.epoch, iter=runner.iter), by_epoch=False)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        runner.save_checkpoint(self.out_dir, name, save_optimizer=self.save_optimizer,
                               save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch)
        self.last_ckpt = str(Path(self.out_dir) / name)
        if not is_main_process():
            return
        self.file_backend.put_text(self.last_ckpt, Path(runner.work_dir) / 'last_checkpoint')
        if self.max_keep_ckpts > 0:
            stem, suffix = self.filename_tmpl.split('{}')
            kept = sorted(Path(self.out_dir).glob(f'{stem}*{suffix}'), key=lambda path: int(path.stem[len(stem):]))
            for path in kept[:-self.max_keep_ckpts]:
                path.unlink()

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        version, keys, *rest = np.random.get_state()
        checkpoint['rng'] = dict(python=random.getstate(), torch=torch.get_rng_state(),
                                 numpy=(version, torch.from_numpy(keys.astype(np.int64)), *rest),
                                 cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        # One process only: the file has the states of rank 0, and every rank draws its own numbers.
        if not (runner._resume and 'rng' in checkpoint) or runner.world_size > 1:
            return
        rng = checkpoint['rng']
        version, state, gauss = rng['python']
        random.setstate((version, tuple(state), gauss))
        name, keys, *rest = rng['numpy']
        np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
        torch.set_rng_state(rng['torch'].cpu())
        if torch.cuda.is_available() and len(rng['cuda']) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in rng['cuda']])


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
        self.title, self.bar, self.shown = title, None, {}

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
