"""Batches that change no number: pictures share one only where none is padded to the size of another.

Padded to the largest of a batch, a picture would give other boxes than alone, and a result would depend on what lies
beside it in its folder.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

Sample = dict[str, Any]


def batches(samples: Sequence[Sample], most: int, divisor: int = 1) -> Iterator[list[int]]:
    """Positions of samples whose inputs have one shape once they are padded.

    Batches have 1, 2, 4, ... samples: oneDNN and cudnn keep what they prepared for every shape that they met.

    Args:
        samples: with ``inputs`` (C, H, W).
        most: to a batch.
        divisor: that the network pads height and width to a multiple of.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, sample in enumerate(samples):
        height, width = sample['inputs'].shape[-2:]
        groups.setdefault((-(-height // divisor), -(-width // divisor)), []).append(number)
    for group in groups.values():
        while group:
            size = min(most, 1 << len(group).bit_length() - 1)
            yield group[:size]
            group = group[size:]


def test(network: nn.Module, samples: Sequence[Sample], most: int) -> list[Any]:
    """What a network's ``test_step`` says of each sample, in their order.

    Args:
        network: of mmdet or mmpretrain.
        samples: as its test pipeline packs them.
        most: to a batch.
    """
    from mmengine.dataset import pseudo_collate

    divisor = getattr(network.data_preprocessor, 'pad_size_divisor', 1)
    said: list[Any] = [None] * len(samples)
    for group in batches(samples, most, divisor):
        for number, one in zip(group, network.test_step(pseudo_collate([samples[number] for number in group]))):
            said[number] = one
    return said
