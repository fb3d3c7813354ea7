"""Which boxes learn what: mmdet's ``MaxIoUAssigner`` and ``RandomSampler`` for all images of a batch at once.

Both are read from the objects that mmdet builds from a config, so that recipes say what they said.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipelines.core.errors import InputError
from pipelines.openmm.detect.batched_boxes import Boxes, overlaps

EPS = torch.finfo(torch.float32).eps  # mmdet adds it to every number of samples it divides by


class Assigned(NamedTuple):
    """(B, N) each: the annotated box's number (0 where none); whether it is one; whether it is background."""
    truth: Tensor
    positive: Tensor
    negative: Tensor


class Sampled(NamedTuple):
    """(B, K) each: index among the N boxes; whether it is an object; whether it is a sample at all."""
    index: Tensor
    positive: Tensor
    valid: Tensor


def require(owner: object, name: str, found: object, understood: object, holds: bool | None = None) -> None:
    """Say which of a config's settings a batched class does not compute.

    Args:
        holds: whether it does; None: if what was found is what is understood.
    Raises:
        InputError: it does not.
    """
    if not (found == understood if holds is None else holds):
        raise InputError(f'{type(owner).__name__}: {name}', expected=str(understood), found=str(found),
                         remedy="take mmdet's own classes, as mm_configs/detect/faster-rcnn_r101_fpn_stock.py does")


def check_targets(owner: object, assigner: Any, sampler: Any) -> None:
    """Raises:
        InputError: not mmdet's `MaxIoUAssigner` and `RandomSampler`, or with a setting that is not computed here.
    """
    require(owner, 'assigner', type(assigner).__name__, 'MaxIoUAssigner')
    require(owner, 'sampler', type(sampler).__name__, 'RandomSampler')
    require(owner, 'assigner.iou_calculator', type(assigner.iou_calculator).__name__, 'BboxOverlaps2D')
    require(owner, 'assigner.gt_max_assign_all', assigner.gt_max_assign_all, True)
    require(owner, 'assigner.gpu_assign_thr', assigner.gpu_assign_thr, 'at most 0', assigner.gpu_assign_thr <= 0)
    require(owner, 'assigner.perm_repeat_gt_cfg', assigner.perm_repeat_gt_cfg, None)


def check_head(head: Any, *, sigmoid: bool) -> None:
    """Raises:
        InputError: not mmdet's box coder and losses for this head, or with a setting that is not computed here.
    """
    coder, classes, boxes = head.bbox_coder, head.loss_cls, head.loss_bbox
    require(head, 'bbox_coder', type(coder).__name__, 'DeltaXYWHBBoxCoder')
    require(head, 'bbox_coder.add_ctr_clamp', coder.add_ctr_clamp, False)
    require(head, 'bbox_coder.use_box_type', coder.use_box_type, False)
    require(head, 'loss_cls', type(classes).__name__, 'CrossEntropyLoss')
    require(head, 'loss_cls.use_sigmoid', classes.use_sigmoid, sigmoid)
    require(head, 'loss_bbox', type(boxes).__name__, 'L1Loss or SmoothL1Loss',
            type(boxes).__name__ in ('L1Loss', 'SmoothL1Loss'))
    require(head, 'reg_decoded_bbox', head.reg_decoded_bbox, False)


def check_nms(owner: object, cfg: Any) -> None:
    """Raises:
        InputError: other than plain suppression.
    """
    require(owner, 'nms', dict(cfg.nms), "dict(type='nms', iou_threshold=...)",
            cfg.nms.get('type', 'nms') == 'nms' and cfg.nms.keys() <= {'type', 'iou_threshold', 'split_thr'})


@torch.no_grad()
def assign(assigner: Any, boxes: Boxes, truth: Boxes, ignored: Boxes | None) -> Assigned:
    """As mmdet's ``MaxIoUAssigner``.

    Args:
        boxes: (B, N) anchors, whose boxes may be (1, N, 4), or proposals.
        truth: (B, G) annotated boxes.
        ignored: annotated regions; boxes inside them, by the assigner's ``ignore_iof_thr``, learn nothing.
    """
    iou = overlaps(truth.xyxy, boxes.xyxy).masked_fill_(~(truth.valid[:, :, None] & boxes.valid[:, None]), -1)
    best, number = iou.max(dim=1)
    empty = ~truth.valid.any(dim=1, keepdim=True)  # without an annotated box all is background
    inside = torch.zeros_like(boxes.valid)
    if ignored is not None and assigner.ignore_iof_thr > 0:
        share = overlaps(ignored.xyxy, boxes.xyxy, of='b' if assigner.ignore_wrt_candidates else 'a')
        share = share.masked_fill_(~ignored.valid[:, :, None], -1).amax(dim=1)
        inside = (share > assigner.ignore_iof_thr) & ~empty
        iou.masked_fill_(inside[:, None], -1)
    low, high = assigner.neg_iou_thr if isinstance(assigner.neg_iou_thr, tuple) else (0, assigner.neg_iou_thr)
    negative, positive = empty | ((best >= low) & (best < high)), best >= assigner.pos_iou_thr
    if assigner.match_low_quality:  # the best boxes of each annotated one; of several annotated ones the last
        most = iou.amax(dim=2, keepdim=True)
        matches = (iou == most) & (most >= assigner.min_pos_iou) & (most >= 0)
        order = torch.arange(1, iou.shape[1] + 1, device=iou.device)[:, None]
        forced = (matches * order).amax(dim=1)
        number, positive = torch.where(forced > 0, forced - 1, number), positive | (forced > 0)
    usable = boxes.valid & ~inside
    positive, negative = positive & usable, negative & ~positive & usable
    return Assigned(number * positive, positive, negative)


@torch.no_grad()
def sample(sampler: Any, positive: Tensor, negative: Tensor) -> Sampled:
    """As mmdet's ``RandomSampler``: objects up to their share, then background; each set of that size equally likely.

    Every box draws a number; the largest are the sample. Objects come first, padding last.

    Args:
        positive, negative: (B, N).
    """
    count = min(sampler.num, positive.shape[1])
    drawn = torch.rand(positive.shape, device=positive.device)
    objects = torch.where(positive, drawn + 1, -1).topk(min(int(sampler.num * sampler.pos_fraction), count))
    rank = torch.where(negative, drawn, -1).scatter_reduce(1, objects.indices, objects.values, 'amax')
    rank, index = rank.topk(count)
    chosen, valid = rank >= 1, rank >= 0
    if sampler.neg_pos_ub >= 0:
        most = chosen.sum(dim=1, keepdim=True)
        most = most + (most.clamp(min=1) * sampler.neg_pos_ub).long()
        valid = valid & (torch.arange(count, device=index.device) < most)
    return Sampled(index, chosen, valid)
