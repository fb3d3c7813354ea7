"""mmcv's operators in plain PyTorch, written from their definitions, differentiable: what `op_check` compares with."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def nms(xyxy: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """Greedy suppression: keep the best box, drop those that overlap it by more than the threshold, repeat."""
    import torch

    order: list[int] = scores.argsort(descending=True).tolist()
    kept: list[int] = []
    area = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    for i in order:
        inter = [(torch.minimum(xyxy[i, 2:], xyxy[j, 2:]) - torch.maximum(xyxy[i, :2], xyxy[j, :2])).clamp(min=0).prod()
                 for j in kept]
        if all(float(o / (area[i] + area[j] - o)) <= threshold for o, j in zip(inter, kept)):
            kept.append(i)
    return kept


def roi_align(features: Tensor, rois: Tensor, size: int, scale: float, samples: int) -> Tensor:
    """RoIAlign with half-pixel alignment: every bin is the mean of samples x samples bilinear readings.

    Args:
        features: (B, C, H, W).
        rois: (N, 5) batch index and xyxy in image pixels.
    Returns:
        (N, C, size, size), differentiable.
    """
    import torch

    def axis(start: Tensor, end: Tensor, limit: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Lower and upper positions with the upper's weight, and whether the reading counts; each (size * samples,)."""
        steps = (torch.arange(size * samples).to(start) + 0.5) / samples
        at = start + steps * (end - start) / size
        counts = (at >= -1) & (at <= limit)
        at = at.clamp(0, limit - 1)
        low = at.floor().long().clamp(max=limit - 1)
        return low, (low + 1).clamp(max=limit - 1), at - low, counts

    pooled = []
    height, width = features.shape[2:]
    for roi in rois:
        x1, y1, x2, y2 = roi[1:] * scale - 0.5
        top, bottom, fy, in_y = axis(y1, y2, height)
        left, right, fx, in_x = axis(x1, x2, width)
        image, fy = features[int(roi[0])], fy[:, None]
        upper = image[:, top][:, :, left] * (1 - fx) + image[:, top][:, :, right] * fx
        lower = image[:, bottom][:, :, left] * (1 - fx) + image[:, bottom][:, :, right] * fx
        read = (upper * (1 - fy) + lower * fy) * (in_y[:, None] & in_x)
        pooled.append(read.unflatten(1, (size, samples)).unflatten(3, (size, samples)).mean((2, 4)))
    return torch.stack(pooled)


def roi_pool(features: Tensor, rois: Tensor, size: int, scale: float) -> Tensor:
    """RoI pooling as mmcv defines it: the greatest value of each bin; bins grow to whole cells, an empty one gives 0.

    Args:
        features: (B, C, H, W).
        rois: (N, 5) batch index and xyxy in image pixels, inclusive.
    Returns:
        (N, C, size, size).
    """
    import torch

    pooled = features.new_zeros(len(rois), features.shape[1], size, size)
    for n, (index, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (corner * scale for corner in (corners[0], corners[1], corners[2] + 1, corners[3] + 1))
        if x2 <= x1 or y2 <= y1:
            continue
        edges = [[(max(math.floor(start + step * (end - start) / size), 0),
                   max(math.ceil(start + (step + 1) * (end - start) / size), 0)) for step in range(size)]
                 for start, end in ((y1, y2), (x1, x2))]
        for row, (top, bottom) in enumerate(edges[0]):
            for column, (left, right) in enumerate(edges[1]):
                cells = features[int(index), :, top:bottom, left:right]
                if cells.numel():
                    pooled[n, :, row, column] = torch.amax(cells, (1, 2))
    return pooled


def _read(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear readings (C, *y.shape) of an image (C, H, W), which is 0 outside."""
    top, left = y.detach().floor().long(), x.detach().floor().long()
    height, width = image.shape[1:]
    value = 0
    for row, weight_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, weight_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            cell = image[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]
            value = value + cell * (weight_y * weight_x * inside)
    return value


def deform_conv(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None = None, bias: Tensor | None = None, *,
                stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Tensor:
    """Deformable convolution: every reading of the kernel is shifted by its offset and, with a mask, weighted.

    Args:
        x: (B, C, H, W).
        offset: (B, D * kh * kw * 2, H', W'), y and x of each reading, for each of D groups of channels.
        weight: (C', C / groups, kh, kw).
        mask: (B, D * kh * kw, H', W').
    """
    import torch

    kernel_height, kernel_width = weight.shape[2:]
    places, (rows, columns) = kernel_height * kernel_width, offset.shape[2:]
    deform_groups = offset.shape[1] // (2 * places)
    shifts = offset.unflatten(1, (deform_groups, places, 2))
    base_y = torch.arange(rows, device=x.device)[:, None] * stride - padding
    base_x = torch.arange(columns, device=x.device) * stride - padding
    images = []
    for image, shift, index in zip(x, shifts, range(len(x))):
        read = []  # of each group of channels: (C / D, places, H', W')
        for group, part in enumerate(image.chunk(deform_groups)):
            values = torch.stack([
                _read(part, base_y + place // kernel_width * dilation + shift[group, place, 0],
                      base_x + place % kernel_width * dilation + shift[group, place, 1]) for place in range(places)], 1)
            read.append(values if mask is None else
                        values * mask[index].unflatten(0, (deform_groups, places))[group])
        windows = torch.cat(read).unflatten(0, (groups, -1))
        kernels = weight.flatten(2).unflatten(0, (groups, -1))
        images.append(torch.einsum('gcpyx,gocp->goyx', windows, kernels).flatten(0, 1))
    out = torch.stack(images)
    return out if bias is None else out + bias[:, None, None]


def sigmoid_focal_loss(logits: Tensor, target: Tensor, gamma: float, alpha: float) -> Tensor:
    """(N, C) losses; a target of C is background."""
    import torch

    right = torch.arange(logits.shape[1], device=logits.device) == target[:, None]
    p = torch.where(right, logits.sigmoid(), 1 - logits.sigmoid())
    return -torch.where(right, alpha, 1 - alpha) * (1 - p) ** gamma * p.log()
