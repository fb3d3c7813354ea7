"""A hook that times iterations of a training or a test, and then ends it."""
from __future__ import annotations

import time
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


class Done(Exception):
    """Enough iterations.

    Args:
        seconds: that the timed iterations took, with everything of the loop: loading, hooks, logging.
        batch: the last one, as it came from the loader.
        outputs: of the network for it.
    """

    def __init__(self, seconds: float, batch: Any, outputs: Any) -> None:
        super().__init__(seconds)
        self.seconds, self.batch, self.outputs = seconds, batch, outputs


def now() -> float:
    """Seconds, after what a GPU still had to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@HOOKS.register_module()
class ClockHook(Hook):
    """Time ``iterations`` after the first ``warm_up``, then raise `Done`."""
    priority = 'LOWEST'

    def __init__(self, warm_up: int, iterations: int) -> None:
        self.warm_up, self.iterations, self.count, self.start = warm_up, iterations, 0, 0.

    def _after_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None,
                    mode: str = 'train') -> None:
        self.count += 1
        if self.count == self.warm_up:
            self.start = now()
        if self.count == self.warm_up + self.iterations:
            raise Done(now() - self.start, data_batch, outputs)
