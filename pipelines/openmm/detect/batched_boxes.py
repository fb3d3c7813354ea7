"""Boxes of a whole batch in padded tensors: the operators of a step do not grow with the batch, and nothing waits.

Shapes: B images, G annotated boxes (padded), N boxes of any kind. Boxes are xyxy pixels of the network's input.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

_FORCED: ContextVar[bool] = ContextVar('fixed_shapes', default=False)


def fixed_shapes(tensor: Tensor) -> bool:
    """Whether shapes must not depend on data: wherever reading a number back makes the host wait.

    A CPU does not wait, and there less is computed. Both ways give the same boxes.
    """
    return tensor.device.type != 'cpu' or _FORCED.get()


@contextmanager
def as_on_gpu() -> Iterator[None]:
    """Here a CPU runs what a GPU would run: so that operators and waits can be counted without one."""
    token = _FORCED.set(True)
    try:
        yield
    finally:
        _FORCED.reset(token)


class Boxes(NamedTuple):
    """Boxes of each image, padded to one number.

    Args:
        xyxy: (B, N, 4).
        valid: (B, N), False for padding.
        labels: (B, N) class indices, 0 for padding; None: without classes.
    """
    xyxy: Tensor
    valid: Tensor
    labels: Tensor | None = None


class Images(NamedTuple):
    """Sizes of the images of a batch, float32 pixels.

    Args:
        wh: (B, 2) width and height of the image in the network's input.
        padded_wh: (B, 2) with its own padding, not that of the batch.
        back: (B, 2) factors of width and height to the original image.
    """
    wh: Tensor
    padded_wh: Tensor
    back: Tensor


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """A copy on a device that the host does not wait for."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == 'cuda' else tensor.to(device)


def pad(instances: Sequence[Any], device: torch.device) -> Boxes:
    """Boxes and, where there are any, labels of mmengine's `InstanceData`, one per image.

    Padded to a power of two, so that few shapes occur.
    """
    boxes = [found.bboxes for found in instances]
    counts = [len(found) for found in boxes]
    total, width = sum(counts), 1 << (max(max(counts), 1) - 1).bit_length()
    rows = np.full((len(counts), width), total)
    starts = np.cumsum([0, *counts])
    for row, start, count in zip(rows, starts, counts):
        row[:count] = np.arange(start, start + count)
    rows = to_device(rows, device)

    def padded(parts: list[Tensor]) -> Tensor:
        flat = torch.cat([*parts, parts[0].new_zeros(1, *parts[0].shape[1:])]).to(device, non_blocking=True)
        return flat[rows]

    labels = [found.labels for found in instances] if 'labels' in instances[0] else None
    return Boxes(padded(boxes), rows < total, padded(labels) if labels is not None else None)


def images_of(metas: Sequence[dict], device: torch.device) -> Images:
    """From mmdet's ``img_shape``, ``pad_shape`` and ``scale_factor``."""
    values = np.asarray([(*meta['img_shape'][1::-1], *meta.get('pad_shape', meta['img_shape'])[1::-1],
                          *(1 / factor for factor in meta.get('scale_factor', (1, 1)))) for meta in metas])
    return Images(*to_device(values.astype(np.float32), device).split(2, dim=1))


def gather(values: Tensor, index: Tensor) -> Tensor:
    """(B, N, C) rows, or (B, N) numbers, of each image by (B, K) index."""
    if values.ndim == 2:
        return values.gather(1, index)
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))


def clip(xyxy: Tensor, wh: Tensor) -> Tensor:
    """(B, N, 4) boxes inside images of (B, 2) width and height."""
    return torch.minimum(xyxy.clamp(min=0), torch.cat([wh, wh], dim=1)[:, None])


def overlaps(a: Tensor, b: Tensor, *, of: str = 'union') -> Tensor:
    """IoU of (B, G, 4) with (B or 1, N, 4) boxes, rounded as mmdet's ``bbox_overlaps`` rounds.

    Args:
        of: intersection over what: ``union``, or the area of ``a`` or ``b``.
    Returns:
        (B, G, N).
    """
    x1, y1, x2, y2 = a[..., None].unbind(2)
    u1, v1, u2, v2 = b.transpose(1, 2).contiguous()[:, :, None].unbind(1)
    both = (torch.minimum(x2, u2) - torch.maximum(x1, u1)).clamp_(min=0)
    both *= (torch.minimum(y2, v2) - torch.maximum(y1, v1)).clamp_(min=0)
    areas = dict(a=(x2 - x1) * (y2 - y1), b=(u2 - u1) * (v2 - v1))
    whole = areas['a'] + areas['b'] - both if of == 'union' else areas[of]
    return both / whole.clamp(min=1e-6)


class Deltas(nn.Module):
    """mmdet's ``DeltaXYWHBBoxCoder`` for (..., 4) boxes, with its constants on the device; no parameters, no state.

    Source: Girshick 2014, R-CNN, appendix C; rounded as mmdet rounds.
    """

    def __init__(self, coder: Any) -> None:
        super().__init__()
        self.clip_border = coder.clip_border
        self.register_buffer('means', torch.tensor(coder.means, dtype=torch.float32), persistent=False)
        self.register_buffer('stds', torch.tensor(coder.stds, dtype=torch.float32), persistent=False)

    def encode(self, xyxy: Tensor, target: Tensor) -> Tensor:
        """What a network should give for boxes, so that `decode` finds the target."""
        centre, size = (xyxy[..., :2] + xyxy[..., 2:]) * 0.5, xyxy[..., 2:] - xyxy[..., :2]
        there, wanted = (target[..., :2] + target[..., 2:]) * 0.5, target[..., 2:] - target[..., :2]
        return (torch.cat([(there - centre) / size, torch.log(wanted / size)], dim=-1) - self.means) / self.stds

    def decode(self, xyxy: Tensor, deltas: Tensor, wh: Tensor) -> Tensor:
        """Boxes moved by (B, N, 4) deltas, inside the images of (B, 2) width and height if the coder clips."""
        move, grow = (deltas * self.stds + self.means).split(2, dim=-1)
        size = xyxy[..., 2:] - xyxy[..., :2]
        centre = (xyxy[..., :2] + xyxy[..., 2:]) * 0.5 + size * move
        half = size * grow.clamp(-_LARGEST, _LARGEST).exp() * 0.5
        moved = torch.cat([centre - half, centre + half], dim=-1)
        return clip(moved, wh) if self.clip_border else moved


_LARGEST = float(np.abs(np.log(16 / 1000)))  # mmdet's wh_ratio_clip
