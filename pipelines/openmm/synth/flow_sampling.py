"""Images from a trained flow: Heun's method along its velocity, guided towards the class."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine import Config
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.openmm.engine import network as networks
from pipelines.openmm.engine.devices import device, repeatable
from pipelines.openmm.synth.gan_sampling import generator_state, noise, to_rgb

Field = Callable[[Tensor, Tensor], Tensor]


def heun(field: Field, x: Tensor, steps: int) -> Tensor:
    """Follow a velocity from time 0 to 1 in equal steps, each by the mean of the velocity at its two ends.

    Args:
        field: ``field(x, time)`` of (N, ...) points and (N,) times -> (N, ...) velocities; asked 2 x ``steps`` times.
        x: (N, ...) where the points begin.
    Source: Heun's method of order 2, as in Karras et al. 2022 (arXiv 2206.00364), section 3.
    """
    times = torch.linspace(0, 1, steps + 1, device=x.device)
    for start, end in zip(times[:-1], times[1:]):
        width = end - start
        first = field(x, start.expand(len(x)))
        second = field(x + width * first, end.expand(len(x)))
        x = x + width * (first + second) / 2
    return x


def guided(network: nn.Module, labels: Tensor, guidance: float) -> Field:
    """The velocity for classes, moved away from the one for no class: ``none + guidance x (class - none)``.

    Args:
        network: `flow_unet.FlowUNet`.
        labels: (N,).
        guidance: 1: the velocity for the class as it is, which takes half the time.
    Source: Ho and Salimans 2022, Classifier-Free Diffusion Guidance (arXiv 2207.12598), with w = guidance - 1.
    """
    if guidance == 1:
        return lambda x, time: network(x, time, labels).float()
    both = torch.cat([labels, torch.full_like(labels, network.num_classes)])

    def field(x: Tensor, time: Tensor) -> Tensor:
        towards, none = network(x.repeat(2, 1, 1, 1), time.repeat(2), both).float().chunk(2)
        return torch.lerp(none, towards, guidance)

    return field


def load_network(cfg: Config, state: Mapping[str, Any]) -> nn.Module:
    """A config's network with weights, in float32 on this process's device.

    Args:
        state: a state dict (or checkpoint) of a whole flow, or of its network alone.
    Raises:
        InputError: weights of another network.
    """
    found = networks.build(cfg, part='generator')
    networks.load(found, generator_state(state), of=cfg)
    return found.to(device(), memory_format=torch.channels_last).eval()


@torch.no_grad()
def sample(network: nn.Module, labels: Sequence[int], seeds: Sequence[int], *, batch: int = 64, steps: int = 12,
           guidance: float = 1.5, dtype: torch.dtype = torch.float32) -> Iterator[NDArray[np.uint8]]:
    """One (H, W, 3) RGB image per (label, seed). In another batch a pixel can differ by a level.

    Args:
        network: `flow_unet.FlowUNet`, in evaluation mode.
        dtype: float32, or what the network is autocast to; points and times are float32.
    """
    place, side = next(network.parameters()).device, network.output_scale
    for start in range(0, len(seeds), batch):
        part = slice(start, start + batch)
        x = noise(seeds[part], 3 * side * side).view(-1, 3, side, side).to(place, memory_format=torch.channels_last)
        field = guided(network, torch.as_tensor(labels[part], device=place), guidance)
        with repeatable(), torch.autocast(place.type, dtype, enabled=dtype != torch.float32):
            pictures = heun(field, x, steps)
        yield from to_rgb(pictures)
