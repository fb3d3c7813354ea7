"""Checkpoints that survive a kill, and the best weights on val."""
from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop

from pipelines.core.errors import InputError
from pipelines.core.files import replacing

BEST, CHOOSING = 'best', 'best_by'  # in the message hub, hence in every checkpoint


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
    """mmengine's hook with its arguments, but always resumable, and to the same numbers.

    mmengine deletes the old file before the new one is safe, saves an epoch before it is validated, and does not save
    the states of the random generators. Here a checkpoint is written after the validation of its epoch (or iteration)
    and renamed into place before older ones go. The last one is always written: it is resumed from.

    ``save_best`` is as in mmengine: a metric, several, or ``auto`` for the first that is evaluated. The best weights by
    each lie in ``best_<metric>_epoch_<n>.pth``; the first metric chooses ``model.pth``. A checkpoint names those that
    belong to it, and older ones go after it is safe: a resumed training never takes the best of epochs that it redoes.
    """
    # 'detect/...', 'recall' and 'f1-score' are not among mmengine's
    _default_greater_keys = [*CheckpointHook._default_greater_keys, 'detect/', 'recall', 'f1-score']

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:  # a training before, in this process and this second, has the same message hub
            runner.message_hub.update_info(BEST, {})
            runner.message_hub.update_info(CHOOSING, None)
        super().before_train(runner)

    def after_train_epoch(self, runner: Any) -> None:
        if self.by_epoch and not self._is_validated(runner, runner.epoch + 1):
            super().after_train_epoch(runner)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        if not self.by_epoch and not self._is_validated(runner, runner.iter + 1):
            super().after_train_iter(runner, *args, **kwargs)

    def after_val_epoch(self, runner: Any, metrics: dict) -> None:
        super().after_val_epoch(runner, metrics)
        step = runner.epoch if self.by_epoch else runner.iter
        since = step - self.save_begin
        if self.interval > 0 and since >= 0 and since % self.interval == 0 or self._is_last(runner, step):
            self._save(runner, step)

    def after_train(self, runner: Any) -> None:
        step = runner.epoch if self.by_epoch else runner.iter
        if step and not (Path(self.out_dir) / self.filename_tmpl.format(step)).exists():  # stopped early
            self._save(runner, step)
        super().after_train(runner)

    def _is_last(self, runner: Any, step: int) -> bool:
        return step == (runner.max_epochs if self.by_epoch else runner.max_iters)

    def _is_validated(self, runner: Any, step: int) -> bool:
        """Whether a validation follows an epoch, or iteration, so that it is saved after that."""
        loop = runner.train_loop
        if runner.val_loop is None or step < loop.val_begin or self.by_epoch == isinstance(loop, IterBasedTrainLoop):
            return False
        interval = loop.dynamic_intervals[bisect.bisect(loop.dynamic_milestones, step + 1) - 1]
        return step % interval == 0 or self._is_last(runner, step)

    def _save(self, runner: Any, step: int) -> None:
        self._save_checkpoint_with_step(runner, step, dict(epoch=runner.epoch, iter=runner.iter))

    def _init_rule(self, rules: Sequence[str | None], key_indicators: Sequence[str]) -> None:
        try:
            super()._init_rule(list(rules), list(key_indicators))
        except (ValueError, KeyError) as error:
            raise InputError('default_hooks.checkpoint.rule', expected=f'greater or less, for {key_indicators[0]}',
                             found=str(rules[0]), remedy=str(error).strip('"\'')) from None

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        if not self.save_best:
            return
        if 'auto' in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        hub = runner.message_hub
        known = dict(hub.get_info(BEST, {}))
        for metric, rule in zip(self.key_indicators, self.rules):
            if metric not in metrics:
                raise InputError('default_hooks.checkpoint.save_best', expected=f'one of {", ".join(metrics)}',
                                 found=metric, remedy='name a metric that val_evaluator gives, or auto')
            score, best = metrics[metric], known.get(metric, dict(score=self.init_value_map[rule]))['score']
            if score is None or not (score == best or self.is_better_than[metric](score, best)):
                continue  # of equals the later is kept: it saw more
            name = f'best_{metric}_{self._unit}_{runner.epoch if self.by_epoch else runner.iter}.pth'.replace('/', '_')
            known[metric] = dict(score=float(score), epoch=_epochs(runner), iter=runner.iter, file=name)
            runner.save_checkpoint(self.out_dir, name, save_optimizer=False, save_param_scheduler=False,
                                   meta=dict(epoch=runner.epoch, iter=runner.iter), by_epoch=False)
        hub.update_info(BEST, known)
        hub.update_info(CHOOSING, self.key_indicators[0])
        self.best_ckpt_path_dict = {metric: str(Path(self.out_dir) / best['file']) for metric, best in known.items()}

    @property
    def _unit(self) -> str:
        return 'epoch' if self.by_epoch else 'iter'

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        runner.save_checkpoint(self.out_dir, name, save_optimizer=self.save_optimizer,
                               save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch)
        self.last_ckpt = str(Path(self.out_dir) / name)
        if not is_main_process():
            return
        self.file_backend.put_text(self.last_ckpt, Path(runner.work_dir) / 'last_checkpoint')
        folder = Path(self.out_dir)
        named = {best['file'] for best in runner.message_hub.get_info(BEST, {}).values()}
        for path in folder.glob(f'best_*_{self._unit}_*.pth'):
            if path.name not in named and path.stem.rpartition('_')[2].isdigit():
                path.unlink()
        if self.max_keep_ckpts > 0:
            stem, suffix = self.filename_tmpl.split('{}')
            kept = sorted((int(number), path) for path in folder.glob(f'{stem}*{suffix}')
                          if (number := path.name[len(stem):len(path.name) - len(suffix)]).isdigit())
            for _, path in kept[:-self.max_keep_ckpts]:
                path.unlink()

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        state: Any = np.random.get_state()
        version, keys, *rest = state
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


def _epochs(runner: Any) -> int:
    """How many epochs are done or begun; a loop of iterations does not count them itself."""
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return -(-runner.iter // len(runner.train_dataloader))
    return int(runner.epoch)


def chosen(logs: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The weights that a training ends with: the best on val, where its config chooses by val, else the last.

    Args:
        logs: folder of the checkpoints.
    Returns:
        a checkpoint, with ``state_dict`` and ``meta``; and ``best_epoch``, ``best_score`` and ``best_metric``, or
        nothing where val chose nothing.
    """
    last = logs / Path((logs / 'last_checkpoint').read_text()).name
    state = torch.load(last, map_location='cpu', weights_only=False)  # our own file, written by this run
    info = state['message_hub']['runtime_info']
    metric = info.get(CHOOSING)
    best = info.get(BEST, {}).get(metric)
    if best is None:
        return state, {}
    weights = torch.load(logs / best['file'], map_location='cpu', weights_only=False)
    return weights, dict(best_epoch=best['epoch'], best_score=best['score'], best_metric=metric)
