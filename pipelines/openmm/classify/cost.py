"""What a trained classifier costs: parameters, floating-point operations, and images a second, measured here.

Operations are counted by torch's own counter: a multiply and an add are two, convolutions and products of matrices
(attention's, too) count, all else does not. The speed is the forward pass alone, in the precision that the config says,
on random pixels: loading and decoding images is the same for all rows.
"""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import json_files, manifest

if TYPE_CHECKING:
    from mmengine import Config
    from torch import Tensor, nn

NAME = 'cost.json'
_SECONDS, _FEWEST, _BATCH = 2., 5, dict(cpu=8, gpu=64)


def place(folder: Path) -> Path:
    """Of a training, where what was measured of its network is kept: beside the logs, as it is no part of a result."""
    return folder / manifest.LOGS / NAME


def of(folder: Path, load: Callable[[], Config]) -> dict[str, Any]:
    """What is known of a training's network, else measured and kept.

    Args:
        folder: of the training.
        load: its config.
    Returns:
        ``parameters``, ``flops`` and ``input`` [channels, height, width] for one image; ``images_per_second`` with
        ``batch``, ``dtype`` and, of the machine, what a manifest's ``made`` has; ``model`` (SHA-256 of ``model.pth``).
    """
    model = manifest.recorded(folder)['model.pth']['sha256']
    try:
        known: dict[str, Any] = json_files.read(place(folder))
        if known['model'] == model:
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = dict(measure(load(), folder / 'model.pth'), model=model)
    place(folder).parent.mkdir(exist_ok=True)
    json_files.write(place(folder), found)
    return found


def measure(cfg: Config, weights: Path) -> dict[str, Any]:
    """Count and time a config's network with its weights, on the images' size of its test loader."""
    import torch

    from pipelines.openmm.engine import devices, network

    conditions = devices.conditions()
    device = devices.device()
    model = network.build(cfg, weights).to(device).eval()
    shape = tuple(torch.as_tensor(network.loader(cfg, 'test').dataset[0]['inputs']).shape)
    batch = _BATCH['cpu' if device == 'cpu' else 'gpu']
    pixels = torch.randint(0, 256, (batch, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with torch.inference_mode():
        inputs = model.data_preprocessor(dict(inputs=list(pixels)), False)['inputs']
        if cfg.get('speed', {}).get('channels_last'):
            inputs = inputs.to(memory_format=torch.channels_last)
        return dict(count(model, inputs[:1]), input=list(shape), images_per_second=_speed(model, inputs), batch=batch,
                    dtype=cfg.get('speed', {}).get('dtype', 'float32'), **conditions)


def count(model: nn.Module, inputs: Tensor) -> dict[str, int]:
    """Parameters, and floating-point operations of a forward pass of these inputs."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):  # a CPU's fused attention is not counted
        model(inputs, mode='tensor')
    return dict(parameters=sum(parameter.numel() for parameter in model.parameters()),
                flops=counter.get_total_flops())


def _speed(model: nn.Module, inputs: Tensor) -> float:
    """Images a second, by the median of several passes after one that is not timed."""
    import torch

    def once() -> float:
        start = time.perf_counter()
        model(inputs, mode='tensor')
        if inputs.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    once()
    taken: list[float] = []
    while len(taken) < _FEWEST or sum(taken) < _SECONDS and len(taken) < 100:
        taken.append(once())
    return float(f'{len(inputs) / statistics.median(taken):.3g}')
