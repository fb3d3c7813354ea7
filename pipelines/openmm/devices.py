"""The device that a process works on."""
from __future__ import annotations

import multiprocessing


def device() -> str:
    """The first GPU, or of several worker processes each one's own; the CPU where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        return 'cpu'
    worker = multiprocessing.current_process()._identity
    return f'cuda:{(worker[0] - 1) % torch.cuda.device_count() if worker else 0}'
