"""Sampling from a trained generator: an image for a class and a recorded seed."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine import Config
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.core.errors import InputError


def noise(seeds: Iterable[int], size: int) -> Tensor:
    """(N, size): a row depends on its seed alone."""
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds])


def to_rgb(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) BGR in [-1, 1], as mmagic trains -> (N, H, W, 3) RGB."""
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.flip(1).permute(0, 2, 3, 1).contiguous().cpu().numpy()


@torch.no_grad()
def sample(generator: nn.Module, labels: Sequence[int], seeds: Sequence[int], *, batch: int = 64
           ) -> Iterator[NDArray[np.uint8]]:
    """One (H, W, 3) RGB image per (label, seed).

    In float64 (`load_generator`) neither the batch nor the number of threads shows in the rounded pixels; in float32 a
    pixel can differ by one level.
    """
    generator.eval()
    dtype = next(generator.parameters()).dtype
    for start in range(0, len(seeds), batch):
        part = slice(start, start + batch)
        z = noise(seeds[part], generator.noise_size).to(dtype)
        yield from to_rgb(generator(z, label=torch.as_tensor(labels[part]), return_noise=False))


@torch.no_grad()
def set_standing_statistics(generator: nn.Module, *, batches: int, batch: int = 64, seed: int = 0) -> None:
    """Replace the running averages of batch norm by means over generated batches.

    The averages that training leaves belong to the raw generator, not to its exponential moving average.

    Source: Brock et al. 2019, Large Scale GAN Training (arXiv 1809.11096), appendix D, "standing statistics".
    """
    norms = [module for module in generator.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    generator.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
        norm.train()
    source, dtype = torch.Generator().manual_seed(seed), next(generator.parameters()).dtype
    for _ in range(batches):
        z = torch.randn(batch, generator.noise_size, generator=source).to(dtype)
        generator(z, label=torch.randint(generator.num_classes, (batch,), generator=source), return_noise=False)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    generator.eval()


def load_generator(cfg: Config, state: Mapping[str, Any]) -> nn.Module:
    """A config's generator with weights, in float64, on the GPU where there is one.

    Args:
        state: a state dict (or checkpoint) of a whole GAN, whose moving average is taken where it has one, or of a
            generator alone.
    Raises:
        InputError: weights of another network.
    """
    from mmagic.registry import MODELS

    state = state.get('state_dict', state)
    for prefix in ('generator_ema.module.', 'generator.'):
        if any(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            break
    generator = MODELS.build({**cfg.model.generator, 'num_classes': cfg.model.num_classes})
    try:
        generator.load_state_dict(state)
    except RuntimeError as error:
        raise InputError('generator weights', expected=f'the network of {Path(cfg.filename).name}',
                         found='; '.join(str(error).split('\n')[1:3]).strip() or str(error),
                         remedy='give the config that the weights were trained with') from None
    return generator.double().to('cuda' if torch.cuda.is_available() else 'cpu').eval()
