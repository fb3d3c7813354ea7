"""Sampling from a trained generator: an image for a class and a recorded seed, spread over processes and GPUs.

gan_generator.py says in which precision and with which weights.
"""
from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine import Config
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.openmm.engine import network
from pipelines.openmm.engine.devices import device, repeatable


def noise(seeds: Iterable[int], size: int) -> Tensor:
    """(N, size): a row depends on its seed alone."""
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds])


def to_rgb(pictures: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) BGR in [-1, 1], as mmagic trains -> (N, H, W, 3) RGB."""
    pixels = ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.flip(1).permute(0, 2, 3, 1).contiguous().cpu().numpy()


@torch.no_grad()
def sample(generator: nn.Module, labels: Sequence[int], seeds: Sequence[int], *, batch: int = 64
           ) -> Iterator[NDArray[np.uint8]]:
    """One (H, W, 3) RGB image per (label, seed).

    In another batch a pixel can differ by one level in float32, by several in bfloat16. The same batches give the same
    pixels on any GPU of one kind.
    """
    generator.eval()
    dtype = next(generator.parameters()).dtype
    for start in range(0, len(seeds), batch):
        part = slice(start, start + batch)
        z = noise(seeds[part], generator.noise_size).to(dtype)
        with repeatable():
            pictures = generator(z, label=torch.as_tensor(labels[part]), return_noise=False)
        yield from to_rgb(pictures)


def _norms(generator: nn.Module) -> list[nn.Module]:
    return [module for module in generator.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@torch.no_grad()
def set_standing_statistics(generator: nn.Module, *, batches: int, batch: int = 64, seed: int = 0) -> None:
    """Replace the running averages of batch norm by means over generated batches.

    The averages that training leaves belong to the raw generator, not to its exponential moving average.

    Source: Brock et al. 2019, Large Scale GAN Training (arXiv 1809.11096), appendix D, "standing statistics".
    """
    norms = _norms(generator)
    momenta = [norm.momentum for norm in norms]
    generator.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
        norm.train()
    source, dtype = torch.Generator().manual_seed(seed), next(generator.parameters()).dtype
    for _ in range(batches):
        z = torch.randn(batch, generator.noise_size, generator=source).to(dtype)
        with repeatable():
            generator(z, label=torch.randint(generator.num_classes, (batch,), generator=source), return_noise=False)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    generator.eval()


@torch.no_grad()
def fold_spectral_norm(generator: nn.Module) -> None:
    """Divide each weight by its spectral norm for good; else every forward pass does it again, in its own precision."""
    from mmagic.models.editors.biggan.biggan_snmodule import SpectralNorm

    generator.eval()
    for module in generator.modules():
        if isinstance(module, SpectralNorm):  # sn_style='ajbrock'
            module.weight.copy_(module.sn_weight())
            module.sn_weight = functools.partial(getattr, module, 'weight')
        elif hasattr(module, 'weight_orig'):  # sn_style='torch'
            nn.utils.remove_spectral_norm(module)


def generator_state(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The weights of a generator alone, of those of all that was trained; its moving average's, where there is one."""
    state = state.get('state_dict', state)
    for prefix in ('generator_ema.module.', 'generator.'):
        if any(name.startswith(prefix) for name in state):
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return state


def load_generator(cfg: Config, state: Mapping[str, Any], *, dtype: torch.dtype,
                   statistics: Mapping[str, Any] | None = None) -> nn.Module:
    """A config's generator with weights, spectral norm folded in, on this process's device.

    Args:
        state: a state dict (or checkpoint) of a whole GAN, whose moving average is taken where it has one, or of a
            generator alone.
        dtype: of weights and activations. Under bfloat16, whose 8 bits are too few for means, batch norm keeps its own
            in float32.
        statistics: values that replace those of batch norm, by name.
    Raises:
        InputError: weights of another network.
    """
    generator = network.build(cfg, part='generator').double()
    network.load(generator, generator_state(state), of=cfg)  # in float64, so that theirs are not rounded
    fold_spectral_norm(generator)
    exact = {**generator.state_dict(),
             **{name: torch.tensor(values, dtype=torch.float64) for name, values in (statistics or {}).items()}}
    generator.to(dtype)
    if dtype == torch.bfloat16:
        for norm in _norms(generator):
            norm.float()
    for name, value in generator.state_dict().items():
        value.copy_(exact[name])
    return generator.to(device(), memory_format=torch.channels_last).eval()
