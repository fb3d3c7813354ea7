"""A UNet for flow matching: residual blocks and self-attention, told the time, the class and the augmentation."""
from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.openmm.compat import mmagic_import

mmagic_import.install()

from mmagic.registry import MODELS  # noqa: E402

AUGMENTATIONS = 3  # numbers that describe one (flow.augment)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(32, channels // 4), channels)


def _zero(module: nn.Module) -> nn.Module:
    """So that a block begins as the identity, and the network as zero."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Attention(nn.Module):
    """Self-attention over the pixels of a plane, added to it.

    Args:
        channels: of the plane.
        width: of a head.
    """

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.heads = max(1, channels // width)
        self.norm = _norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        count, channels, height, width = x.shape
        parts = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(3, 4)
        query, key, value = parts.unbind(1)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        return x + self.out(mixed.reshape(count, channels, height, width))


class Block(nn.Module):
    """Two 3x3 convolutions, the second one's input scaled and shifted by the embedding.

    Source: the residual block of Dhariwal and Nichol 2021, Diffusion Models Beat GANs (arXiv 2105.05233), section 3.
    """

    def __init__(self, inputs: int, outputs: int, embedding: int, *, dropout: float, attention: bool) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2, self.dropout = _norm(outputs), nn.Dropout(dropout)
        self.conv2 = _zero(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.attention = Attention(outputs) if attention else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, inputs, H, W), (N, embedding) -> (N, outputs, H, W)."""
        scale, shift = self.modulation(embedding)[..., None, None].chunk(2, dim=1)
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = F.silu(torch.addcmul(shift, self.norm2(hidden), scale + 1))
        return self.attention(self.skip(x) + self.conv2(self.dropout(hidden)))


class Up(nn.Module):
    """Other channels, then twice the size: pixels are repeated."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, 2 H, 2 W)."""
        return F.interpolate(self.project(x), scale_factor=2.0, mode='nearest')


def frequencies(time: Tensor, size: int) -> Tensor:
    """(N,) in [0, 1] -> (N, size): cosines and sines of 1,000 times the time.

    Source: Ho et al. 2020, Denoising Diffusion Probabilistic Models (arXiv 2006.11239), appendix B.
    """
    rates = torch.exp(torch.arange(size // 2, device=time.device) * (-math.log(10_000) / (size // 2)))
    angles = 1000 * time.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=1)


@MODELS.register_module()
class FlowUNet(nn.Module):
    """The velocity of a flow at a time, for images of a class.

    Pixels are folded into channels at the door and unfolded at the end, as transformers take patches: where there would
    be few channels, a CPU's time goes into memory. What is kept on the way down is added on the way up, not stacked:
    half the products.

    Args:
        output_scale: side of the images in pixels.
        num_classes: the label ``num_classes`` stands for no class.
        channels: at each resolution, from the highest to the lowest; each halves the side.
        blocks: per resolution, on the way down and again on the way up.
        attention: sides at which blocks have self-attention.
        dropout: between a block's convolutions.
        patch: side of the squares that are folded; the highest resolution is ``output_scale / patch``.
    """

    def __init__(self, output_scale: int, num_classes: int, channels: Sequence[int], blocks: Sequence[int],
                 attention: Sequence[int] = (), dropout: float = 0.0, patch: int = 1) -> None:
        super().__init__()
        self.output_scale, self.num_classes, self.patch = output_scale, num_classes, patch
        self.width = channels[0] * 2
        width = 4 * channels[0]
        self.time = nn.Sequential(nn.Linear(self.width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(num_classes + 1, width)
        self.augmentation = _zero(nn.Linear(AUGMENTATIONS, width, bias=False))

        def block(inputs: int, level: int) -> Block:
            return Block(inputs, channels[level], width, dropout=dropout,
                         attention=output_scale // patch >> level in attention)

        self.stem = nn.Conv2d(3 * patch ** 2, channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        levels = range(len(channels))
        for level in levels:
            inputs = [channels[max(level - 1, 0)], *[channels[level]] * (blocks[level] - 1)]
            self.down.append(nn.ModuleList(block(number, level) for number in inputs))
        self.middle = block(channels[-1], levels[-1])
        for level in reversed(levels):
            self.up.append(nn.ModuleList(block(channels[level], level) for _ in range(blocks[level])))
        self.rise = nn.ModuleList(Up(inputs, outputs) for inputs, outputs in pairwise(reversed(channels)))
        self.out = nn.Sequential(_norm(channels[0]), nn.SiLU(),
                                  _zero(nn.Conv2d(channels[0], 3 * patch ** 2, 3, padding=1)))

    def forward(self, x: Tensor, time: Tensor, label: Tensor, augmentation: Tensor | None = None) -> Tensor:
        """(N, 3, S, S), (N,) times, (N,) labels and (N, 3) augmentations -> (N, 3, S, S) velocities."""
        embedding = self.time(frequencies(time, self.width)) + self.label(label)
        if augmentation is not None:
            embedding = embedding + self.augmentation(augmentation)
        embedding, kept = F.silu(embedding), []
        x = self.stem(F.pixel_unshuffle(x, self.patch))
        for level, blocks in enumerate(self.down):
            x = F.avg_pool2d(x, 2) if level else x
            for block in blocks:
                kept.append(x := block(x, embedding))
        x = self.middle(x, embedding)
        for level, blocks in enumerate(self.up):
            x = self.rise[level - 1](x) if level else x
            for block in blocks:
                x = block(x + kept.pop(), embedding)
        return F.pixel_shuffle(self.out(x), self.patch)
