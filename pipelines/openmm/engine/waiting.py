"""Numbers of a training step that the host reads when they are logged, not in each step.

mmengine reads every loss, and the norm of gradients that are clipped, from the device as soon as they are computed: the
host then waits until the device has finished the step, and the device until the host has prepared the next one.
"""
from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from torch import Tensor

INTERVAL = 10  # in iterations, where nothing is logged
MOST = 1000  # kept where nobody reads
_unread: list[tuple[Any, list[str], Tensor]] = []  # message hub, names, numbers on the device


def keep(hub: Any, numbers: dict[str, Tensor]) -> None:
    """Numbers for a hub's history, in order; on the device until `read`."""
    if numbers:
        _unread.append((hub, list(numbers), torch.stack([value.detach().float().reshape(())
                                                         for value in numbers.values()])))
    if len(_unread) > MOST:
        read()


def read() -> None:
    """Give the hubs what was kept: one copy from the device."""
    if not _unread:
        return
    values = iter(torch.cat([numbers for _, _, numbers in _unread]).tolist())
    for hub, names, _ in _unread:
        for name in names:
            hub.update_scalar(name, next(values))
    _unread.clear()


@HOOKS.register_module(force=True)
class UnhurriedInfoHook(RuntimeInfoHook):
    """mmengine's hook; losses are read when the `LoggerHook` needs them, at an epoch's end and for a checkpoint."""

    def before_train(self, runner: Any) -> None:
        _unread.clear()  # of a training in this process that did not end
        super().before_train(runner)
        self.interval = next((hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)), INTERVAL)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        found = {f'train/{name}': value for name, value in (outputs or {}).items()}
        keep(runner.message_hub, {name: value for name, value in found.items() if isinstance(value, Tensor)})
        for name, value in found.items():
            if not isinstance(value, Tensor):
                runner.message_hub.update_scalar(name, value)
        if self.every_n_inner_iters(batch_idx, self.interval) or self.end_of_epoch(runner.train_dataloader, batch_idx):
            read()

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        read()
        checkpoint['message_hub'] = runner.message_hub.state_dict()


@OPTIM_WRAPPERS.register_module(force=True)
class UnhurriedOptimWrapper(OptimWrapper):
    """mmengine's wrapper; the norm of clipped gradients is read when it is logged, by `UnhurriedInfoHook`."""

    def _clip_grad(self) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group['params']
                      if parameter.requires_grad and parameter.grad is not None]
        if parameters and (norm := self.clip_func(parameters, **self.clip_grad_kwargs)) is not None:
            keep(self.message_hub, {f'train/{self.grad_name}': norm})
