"""A hook that says where a training's time goes: loading, steps, hooks, validation, start-up."""
from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from pipelines.core import seconds

_EVERY = 10  # seconds between two writings: the most that a killed training does not tell


@HOOKS.register_module(force=True)
class SecondsHook(Hook):
    """Record the parts of a training's time (`pipelines.core.seconds`).

    ``start`` goes up to the first iteration; ``loading`` is the wait for a batch; ``step`` the network and the
    optimiser; ``hooks`` logging and checkpoints; ``validation`` all of it. A GPU is not waited for: what it still has
    to do counts where the process next waits for it. They are written beside the Runner's ``work_dir``.
    """
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self.folder = Path()
        self.last = self.written = time.monotonic()
        self.parts: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def _until_now(self, part: str) -> None:
        now = time.monotonic()
        self.parts[part] += now - self.last  # type: ignore[assignment]  # typeshed's Counter counts whole things
        self.last = now

    def before_run(self, runner: Any) -> None:
        self.folder = Path(runner.work_dir).parent
        runner.register_hook(_LastHook(self), priority='LOWEST')

    def before_train(self, runner: Any) -> None:
        self._until_now('start')

    def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self._until_now('loading')

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self._until_now('step')
        self.counts['iterations'] += 1

    def before_val_epoch(self, runner: Any) -> None:
        self._until_now('hooks')

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self._until_now('validation')
        self.counts['val images'] += len(runner.val_loop.dataloader.dataset)
        self.counts['validations'] += 1

    def write(self) -> None:
        """Hand over what came since the last time."""
        if is_main_process():
            seconds.add(self.folder, self.parts, self.counts, threads=os.environ.get('OMP_NUM_THREADS'),
                        jobs=int(os.environ.get('FGIC_JOBS') or 1))
        self.parts.clear()
        self.counts.clear()
        self.written = time.monotonic()


class _LastHook(Hook):
    """After all other hooks."""

    def __init__(self, own: SecondsHook) -> None:
        self.own = own

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self.own._until_now('hooks')
        if self.own.last - self.own.written > _EVERY:
            self.own.write()

    def after_train_epoch(self, runner: Any) -> None:
        self.own._until_now('hooks')

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        self.own._until_now('hooks')

    def after_train(self, runner: Any) -> None:
        self.own._until_now('hooks')
        self.own.write()
