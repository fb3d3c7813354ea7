"""The small classifier that judges synthetic images: trained in seconds, and needing no downloaded weights."""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.core import images
from pipelines.openmm.engine.devices import device

SIDE = 64
NAME = f'Conv-4 (32 channels) at {SIDE} px'
FEATURES = (f'the 32 pooled activations of {NAME}, trained on the real train crops; for copies its activations before '
            'pooling, of each image and its mirror image')


class Conv4(nn.Sequential):
    """Four blocks of 3x3 convolution, batch norm, ReLU and max pooling, averaged over the plane; then a linear layer.

    Source: the embedding network of Vinyals et al. 2016 and Snell et al. 2017, with 32 channels.
    """

    def __init__(self, num_classes: int, channels: int = 32) -> None:
        blocks = [nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
                                nn.ReLU(), nn.MaxPool2d(2)) for inputs in (3, channels, channels, channels)]
        super().__init__(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))

    @property
    def embedding(self) -> nn.Sequential:
        """All but the linear layer."""
        return nn.Sequential(*list(self)[:-1])

    @property
    def plane(self) -> nn.Sequential:
        """The blocks alone: what is where in the picture, (N, channels H W / 256)."""
        return nn.Sequential(*list(self)[:4], nn.Flatten())


def load(paths: Sequence[Path], side: int = SIDE) -> Tensor:
    """(N, 3, side, side) RGB uint8 of square images."""
    from tqdm import tqdm

    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda path: images.fit(images.decode(path), side), paths)
        pixels = list(tqdm(read, '[synth] read', len(paths), unit='img', leave=False, dynamic_ncols=True))
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


def _normalise(pixels: Tensor) -> Tensor:
    return pixels.to(device()).float() / 127.5 - 1


@dataclass(frozen=True)
class Mixed:
    """Images that others of their class give way to in training.

    Args:
        pixels: (N, 3, H, W) uint8.
        labels: (N,).
        chance: that an image gives way to one of these.
        confidence: of their labels; the rest is spread over the other classes.
    """
    pixels: Tensor
    labels: Tensor
    chance: float
    confidence: float = 0.8


def train(pixels: Tensor, labels: Tensor, num_classes: int, *, steps: int, seed: int, batch: int = 32,
          mixed: Mixed | None = None, title: str = 'train') -> Conv4:
    """Train `Conv4` with Adam, one learning rate cycle, flips and shifts by up to 4 pixels.

    Args:
        pixels: (N, 3, H, W) uint8.
        labels: (N,).
        mixed: what images give way to; other numbers are drawn for that, so that the rest of a seed stays the same.
    """
    from tqdm import trange

    source, other = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Conv4(num_classes).to(device()).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    for _ in trange(steps, desc=f'[synth] {title}', leave=False, dynamic_ncols=True):
        chosen = torch.randint(len(pixels), (batch,), generator=source)
        flipped = torch.rand(batch, generator=source) < 0.5
        top, left = torch.randint(0, 9, (2,), generator=source).tolist()
        x, y = pixels[chosen], F.one_hot(labels[chosen], num_classes).float()
        if mixed:
            x, y = _replaced(x, y, mixed, other)
        x = torch.where(flipped[:, None, None, None], x.flip(3), x)
        x = F.pad(_normalise(x), (4, 4, 4, 4), mode='reflect')
        x = x[..., top:top + pixels.shape[2], left:left + pixels.shape[3]]
        loss = F.cross_entropy(model(x), y.to(device()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def _replaced(x: Tensor, y: Tensor, mixed: Mixed, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch of images and their labels as (N, C) shares, some of which gave way."""
    classes = y.shape[1]
    same = (y.argmax(dim=1)[:, None] == mixed.labels).float()  # (batch, N)
    gone = (torch.rand(len(x), generator=source) < mixed.chance) & (same.sum(dim=1) > 0)
    index = torch.multinomial(same + 1e-9, 1, generator=source)[:, 0]
    soft = F.one_hot(mixed.labels[index], classes) * mixed.confidence
    soft = soft + (soft == 0) * (1 - mixed.confidence) / max(1, classes - 1)
    return torch.where(gone[:, None, None, None], mixed.pixels[index], x), torch.where(gone[:, None], soft, y)


@torch.no_grad()
def run(model: nn.Module, pixels: Tensor, batch: int = 256) -> Tensor:
    """The network's (N, C) outputs."""
    return torch.cat([model(_normalise(part)).cpu() for part in pixels.split(batch)])
