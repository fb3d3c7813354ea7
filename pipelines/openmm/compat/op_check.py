"""mmcv's nms and roi_align, whatever backend is in use, against plain PyTorch written from their definitions.

The references compute in float64 on values in [0, 1]: what differs is the operator's own rounding.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-5


def reference_nms(xyxy: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """Greedy suppression: keep the best box, drop those that overlap it by more than the threshold, repeat."""
    import torch

    order, kept = scores.argsort(descending=True).tolist(), []
    area = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    for i in order:
        inter = [(torch.minimum(xyxy[i, 2:], xyxy[j, 2:]) - torch.maximum(xyxy[i, :2], xyxy[j, :2])).clamp(min=0).prod()
                 for j in kept]
        if all(float(o / (area[i] + area[j] - o)) <= threshold for o, j in zip(inter, kept)):
            kept.append(i)
    return kept


def reference_roi_align(features: Tensor, rois: Tensor, size: int, scale: float, samples: int) -> Tensor:
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
        steps = (torch.arange(size * samples, device=features.device) + 0.5) / samples
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


def differences(device: str) -> dict[str, float]:
    """Largest absolute difference of each operator from its reference; nms: the number of boxes kept otherwise.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    import torch
    from mmcv.ops import nms, roi_align

    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(200, 2, generator=generator) * 80
    xyxy = torch.cat([corner, corner + 5 + torch.rand(200, 2, generator=generator) * 40], 1)
    scores = torch.rand(200, generator=generator)
    _, kept = nms(xyxy.to(device), scores.to(device), 0.5)
    found = {'nms': float(kept.tolist() != reference_nms(xyxy, scores, 0.5))}

    features = torch.rand(2, 3, 25, 30, generator=generator)
    rois = torch.cat([torch.randint(0, 2, (40, 1), generator=generator).float(), xyxy[:40]], 1)
    weight = torch.rand(40, 3, 7, 7, generator=generator) / 49
    results = []
    for kind, pool in ((torch.float32, lambda x, r: roi_align(x, r, (7, 7), 0.25, 2, 'avg', True)),
                       (torch.float64, lambda x, r: reference_roi_align(x, r, 7, 0.25, 2))):
        x = features.clone().to(device, kind).requires_grad_()
        out = pool(x, rois.to(device, kind))
        (out * weight.to(device, kind)).sum().backward()
        results.append((out.detach(), x.grad))
    (ours, our_grad), (truth, true_grad) = results
    found['roi_align forward'] = float((ours - truth).abs().max())
    found['roi_align backward'] = float((our_grad - true_grad).abs().max())
    return found
