"""The devices that torch can use, what a process computes on, and how to get the same numbers from any of one kind."""
from __future__ import annotations

import multiprocessing
import os
import platform
import re
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputError
from pipelines.openmm.engine import threads

_DRIVERS = ('/dev/nvidiactl', '/dev/dxg', '/dev/kfd')  # NVIDIA's, that of Windows' subsystem, AMD's


def gpus() -> list[str]:
    """The GPUs that torch can use, each as CUDA_VISIBLE_DEVICES names it."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name.strip() for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name.strip()]
    return named[:count] or [str(number) for number in range(count)]


def check(processes: int) -> None:
    """There is a GPU for each process of this machine, or no GPU at all: then they share the CPUs.

    Raises:
        InputError: fewer GPUs than processes; or the machine has a GPU, which torch cannot use, and nobody said that
            the CPU is meant.
    """
    import torch

    count = len(gpus())
    if count and processes > count:
        raise InputError('GPUS', expected=f'at most {count}, the GPUs that torch can use here',
                         found=str(processes), remedy='lower GPUS' + (
                             ', or name more in CUDA_VISIBLE_DEVICES' if os.environ.get('CUDA_VISIBLE_DEVICES') else
                             '; for several nodes see tools/dist_train.sh'))
    hidden = os.environ.get('CUDA_VISIBLE_DEVICES') in ('', '-1')  # make's DEVICE=cpu
    if not count and not hidden and any(map(os.path.exists, _DRIVERS)):
        raise InputError('GPU', expected='a GPU that torch can use, as this machine has the driver of one',
                         found=f'none (torch {torch.__version__}, built for CUDA {torch.version.cuda or "no version"}'
                         f'; CUDA_VISIBLE_DEVICES={os.environ.get("CUDA_VISIBLE_DEVICES", "not set")})',
                         remedy='make doctor says which driver it needs; or compute on the CPU: make DEVICE=cpu, which '
                         "sets CUDA_VISIBLE_DEVICES=''")


def device() -> str:
    """The first GPU, or of several worker processes each one's own; the CPU where there is no GPU."""
    count = len(gpus())
    if not count:
        return 'cpu'
    worker = multiprocessing.current_process()._identity
    return f'cuda:{(worker[0] - 1) % count if worker else 0}'


def conditions(processes: int = 1) -> dict[str, str | int]:
    """What a result's last bits depend on besides its inputs: for a manifest (`manifest.produce`).

    Args:
        processes: that compute at the same time here.
    """
    number = threads.set_threads(processes)
    import torch

    found = device()
    return dict(device='CPU' if found == 'cpu' else torch.cuda.get_device_name(found), cpu=_cpu(),
                instructions=torch.backends.cpu.get_cpu_capability(),
                threads=number)


def _cpu() -> str:
    try:
        name = re.search(r'^model name\s*:\s*(.+)$', Path('/proc/cpuinfo').read_text(), re.MULTILINE)
    except OSError:
        name = None
    return name[1].strip() if name else platform.machine()


def repeatable(*, tf32: bool = False) -> Any:
    """Convolutions by kernels that depend on nothing but their shapes: a training in this process before leaves
    cudnn's choice by timing switched on. A context, or a decorator."""
    import torch

    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32)


if __name__ == '__main__':  # of make: how many GPUs there are to train on
    print(len(gpus()))
