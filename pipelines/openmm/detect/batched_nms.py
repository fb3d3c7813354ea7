"""Non-maximum suppression of many sets of boxes at once, with the result of torchvision's, set by set.

torchvision's operator on one list of all sets compares every box with every box of every set: the cost grows with the
square of the batch. Called for each set it waits for each. Here boxes are compared within their sets, and what is
suppressed is settled for all sets together.
"""
from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import nms as torchvision_nms

from pipelines.openmm.detect.batched_boxes import fixed_shapes

ROUNDS = 16  # before the host looks whether all is settled
PAIRS = 1 << 29  # compared at once: 2 GB per float32 operand


def nms(xyxy: Tensor, valid: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes stay: those that overlap no better box that stays by more than the threshold.

    Args:
        xyxy: (S, N, 4) boxes of S sets, best first.
        valid: (S, N); others neither stay nor suppress.
    Returns:
        (S, N) bool.
    """
    if not fixed_shapes(xyxy):
        return _each(xyxy, valid, iou_threshold)
    sets = max(1, PAIRS // max(1, xyxy.shape[1]) ** 2)
    with torch.autocast(xyxy.device.type, enabled=False):
        return torch.cat([_together(*part, iou_threshold) for part in zip(xyxy.split(sets), valid.split(sets))])


def _each(xyxy: Tensor, valid: Tensor, iou_threshold: float) -> Tensor:
    kept = torch.zeros_like(valid)
    descending = torch.arange(xyxy.shape[1], 0, -1, dtype=xyxy.dtype)
    for boxes, there, stays in zip(xyxy, valid, kept):
        rows = there.nonzero()[:, 0]
        stays[rows[torchvision_nms(boxes[rows], descending[:len(rows)], iou_threshold)]] = True
    return kept


def _together(xyxy: Tensor, valid: Tensor, iou_threshold: float) -> Tensor:
    """Greedy suppression is the one fixed point of: a box stays if no better one that stays overlaps it.

    Each round settles at least the best box that is not settled yet, and all that depend on a chain of fewer boxes than
    there were rounds.
    """
    suppresses = _overlapping(xyxy, iou_threshold)
    there = valid[:, None].to(suppresses)
    stays = there
    while True:
        for _ in range(ROUNDS):
            before, stays = stays, (torch.bmm(stays, suppresses) == 0) * there
        if torch.equal(before, stays):
            return stays[:, 0] > 0


def _overlapping(xyxy: Tensor, iou_threshold: float) -> Tensor:
    """(S, N, N) 1 where the first box is better than the second and overlaps it, in a dtype that multiplies fast.

    IoU as torchvision computes it.
    """
    x1, y1, x2, y2 = xyxy.transpose(1, 2).contiguous().unbind(1)
    areas = (x2 - x1) * (y2 - y1)
    both = torch.minimum(x2[:, :, None], x2[:, None]).sub_(torch.maximum(x1[:, :, None], x1[:, None])).clamp_(min=0)
    both *= torch.minimum(y2[:, :, None], y2[:, None]).sub_(torch.maximum(y1[:, :, None], y1[:, None])).clamp_(min=0)
    both /= (areas[:, :, None] + areas[:, None]).sub_(both)  # 0 / 0 is no overlap
    return (both > iou_threshold).triu_(1).to(torch.float16 if xyxy.is_cuda else torch.float32)


def move_apart(xyxy: Tensor, valid: Tensor, group: Tensor) -> Tensor:
    """(B, N, 4) boxes so that those of different (N,) or (B, N) groups of an image do not overlap.

    As mmcv's ``batched_nms`` moves them, so that coordinates are rounded as there.
    """
    farthest = xyxy.masked_fill(~valid[..., None], 0).amax(dim=(1, 2))
    return xyxy + (group * (farthest[:, None] + 1))[..., None]
