"""DenseNet with the changes of the report on small data (003, task B): fewer operations, and noise in training."""
from __future__ import annotations

import functools
from itertools import islice
from typing import Any

import torch
from mmpretrain.models.backbones.densenet import DenseLayer, DenseNet
from mmpretrain.registry import MODELS
from torch import Tensor, nn

NOISY = 6  # convolutions


@MODELS.register_module(force=True)
class ChangedDenseNet(DenseNet):
    """`DenseNet`, each change by itself or together.

    Args:
        factorised: 1x3 and 3x1 for the 3x3 convolution of each layer (Szegedy et al. 2016, arXiv 1512.00567, section
            3.2).
        groups: of the 3x3 convolution of each layer, or of its two factors.
        noise: standard deviation of Gaussian noise that is added to what the first six convolutions give, in training
            alone; drawn by torch's generator, whose state checkpoints hold.
    """

    def __init__(self, *args: Any, factorised: bool = False, groups: int = 1, noise: float = 0., **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for layer in self.modules():
            if isinstance(layer, DenseLayer) and (factorised or groups > 1):
                layer.conv2 = _changed(layer.conv2, factorised, groups)
        if noise:
            convolutions = (module for module in self.modules() if isinstance(module, nn.Conv2d))
            for convolution in islice(convolutions, NOISY):
                convolution.register_forward_hook(functools.partial(_add_noise, noise))


def _changed(convolution: nn.Conv2d, factorised: bool, groups: int) -> nn.Module:
    given, made = convolution.in_channels, convolution.out_channels
    if not factorised:
        return nn.Conv2d(given, made, 3, padding=1, groups=groups, bias=False)
    return nn.Sequential(nn.Conv2d(given, made, (1, 3), padding=(0, 1), groups=groups, bias=False),
                         nn.Conv2d(made, made, (3, 1), padding=(1, 0), groups=groups, bias=False))


def _add_noise(std: float, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
    return output + std * torch.randn_like(output) if module.training else None
