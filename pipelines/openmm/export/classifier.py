"""Classifiers as one graph: uint8 RGB in, probabilities out, seeds averaged; any number of crops at once."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pipelines.core.errors import InputError


class Normalised(nn.Module):
    """What a data preprocessor does with pixels: the order of the channels, mean and deviation.

    Args:
        preprocessor: of mmdet or mmpretrain.
    """

    def __init__(self, preprocessor: nn.Module) -> None:
        super().__init__()
        converts = getattr(preprocessor, 'to_rgb', None)
        self.rgb = bool(getattr(preprocessor, '_channel_conversion', False) if converts is None else converts)
        mean = preprocessor.mean if preprocessor._enable_normalize else torch.zeros(3, 1, 1)
        std = preprocessor.std if preprocessor._enable_normalize else torch.ones(3, 1, 1)
        self.register_buffer('mean', mean.detach().clone().float().view(3, 1, 1))
        self.register_buffer('std', std.detach().clone().float().view(3, 1, 1))

    def forward(self, rgb: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 RGB -> float, as the network takes it."""
        pixels = rgb.float()
        return ((pixels if self.rgb else pixels.flip(1)) - self.mean) / self.std


class Classifier(nn.Module):
    """Args:
        networks: mmpretrain's, one for each seed, of the same preprocessing.
    Raises:
        InputError: a network that mixes more into its answer than a softmax of its outputs.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        for network in networks:
            if not hasattr(network, 'head') or network.head is None:
                raise InputError(type(network).__name__, expected='a classifier with a head', found='none',
                                 remedy='export a row of make classify')
        self.networks = nn.ModuleList(networks)
        self.prepare = nn.ModuleList(Normalised(network.data_preprocessor) for network in networks)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 RGB -> (N, C) probabilities."""
        total = 0
        for network, prepare in zip(self.networks, self.prepare):
            total = total + network(prepare(image), mode='tensor').softmax(dim=1)
        return total / len(self.networks)


@contextlib.contextmanager
def any_batch() -> Iterator[None]:
    """In here mmpretrain's windowed attention keeps the batch a variable.

    Its ``int(shape / ...)`` makes the export's batch a constant: at any other the graph is wrong, without an error.
    """
    from mmpretrain.models.utils.attention import ShiftWindowMSA

    kept = ShiftWindowMSA.__dict__['window_reverse']

    def window_reverse(windows: Tensor, height: int, width: int, size: int) -> Tensor:
        rows, columns = height // size, width // size
        parts = windows.view(-1, rows, columns, size, size, windows.shape[-1])
        return parts.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, height, width, windows.shape[-1])

    ShiftWindowMSA.window_reverse = staticmethod(window_reverse)
    try:
        yield
    finally:
        ShiftWindowMSA.window_reverse = kept
