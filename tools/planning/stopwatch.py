"""A hook that times a training for some seconds, and then ends it."""
from __future__ import annotations

import time
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from pipelines.core import machine
from tools.bench.clock import now


class Stop(Exception):
    """Enough iterations.

    Args:
        wall, cpu: seconds of the timed iterations, with everything of the loop; by the clock, and of CPUs.
        iterations: timed.
        start: wall and CPU seconds from building the Runner to its first iteration.
        base_mb: memory before the first iteration.
        batch: the last one, as it came from the loader.
    """

    def __init__(self, wall: float, cpu: float, iterations: int, start: tuple[float, float], base_mb: float,
                 batch: Any) -> None:
        super().__init__(wall)
        self.wall, self.cpu, self.iterations, self.start, self.base_mb = wall, cpu, iterations, start, base_mb
        self.batch = batch


@HOOKS.register_module(force=True)
class StopwatchHook(Hook):
    """After ``warm_up`` iterations time at least ``least``, whole rounds of ``cycle``, for about ``seconds``."""
    priority = 'LOWEST'

    def __init__(self, warm_up: int, least: int, cycle: int, seconds: float) -> None:
        self.warm_up, self.least, self.cycle, self.seconds = warm_up, least, cycle, seconds
        self.count, self.built = 0, (time.monotonic(), time.process_time())

    def before_train(self, runner: Any) -> None:
        import torch

        self.started = time.monotonic() - self.built[0], time.process_time() - self.built[1]
        self.base_mb = (torch.cuda.memory_allocated() / 1e6 if torch.cuda.is_available() else
                        machine.peak_memory() / 1e6)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        self.count += 1
        done = self.count - self.warm_up
        if done == 0:
            self.wall, self.cpu = now(), time.process_time()
        elif done >= self.least and done % self.cycle == 0 and time.perf_counter() - self.wall >= self.seconds:
            raise Stop(now() - self.wall, time.process_time() - self.cpu, done, self.started, self.base_mb, data_batch)
