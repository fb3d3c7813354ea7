"""The device that a process works on, and how to get the same numbers from any of one kind."""
from __future__ import annotations

import multiprocessing
from contextlib import AbstractContextManager


def device() -> str:
    """The first GPU, or of several worker processes each one's own; the CPU where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        return 'cpu'
    worker = multiprocessing.current_process()._identity
    return f'cuda:{(worker[0] - 1) % torch.cuda.device_count() if worker else 0}'


def repeatable(*, tf32: bool = False) -> AbstractContextManager[None]:
    """Convolutions by kernels that depend on nothing but their shapes: a training in this process before leaves
    cudnn's choice by timing switched on."""
    import torch

    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32)
