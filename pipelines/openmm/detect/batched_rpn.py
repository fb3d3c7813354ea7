"""A region proposal network (Ren et al. 2015) whose targets, losses and proposals are computed for a batch at once."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models import RPNHead
from mmdet.registry import MODELS
from torch import Tensor

from pipelines.openmm.detect.batched_boxes import Boxes, Deltas, Images, gather
from pipelines.openmm.detect.batched_nms import move_apart, nms
from pipelines.openmm.detect.batched_targets import EPS, assign, check_head, check_targets, require, sample

KEPT = 16  # sizes of feature maps whose anchors are kept


class Anchors(NamedTuple):
    """Of all levels, for one size of feature maps.

    Args:
        xyxy: (A, 4) pixels.
        origin: (A, 2) top left corner of the anchor's cell, pixels.
        counts: of each level.
    """
    xyxy: Tensor
    origin: Tensor
    counts: list[int]


class Table(NamedTuple):
    """Where the K candidates of all L levels lie in a table with a row for each level and N columns.

    Args:
        level: (K,).
        cell: (K,) of the flat table.
        candidate: (L * N,) in a cell; 0 where there is none.
        exists: (L * N,).
        columns: N.
    """
    level: Tensor
    cell: Tensor
    candidate: Tensor
    exists: Tensor
    columns: int


def table(counts: Sequence[int], device: torch.device) -> Table:
    """For so many candidates of each level."""
    columns, cells = max(counts), len(counts) * max(counts)
    level = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    cell = torch.cat([torch.arange(count) + row * columns for row, count in enumerate(counts)])
    candidate, exists = torch.zeros(cells, dtype=torch.long), torch.zeros(cells, dtype=torch.bool)
    candidate[cell], exists[cell] = torch.arange(sum(counts)), True
    return Table(level.to(device), cell.to(device), candidate.to(device), exists.to(device), columns)


@MODELS.register_module(force=True)
class BatchedRPNHead(RPNHead):
    """mmdet's `RPNHead`: its parameters, losses and proposals; the samples are drawn on the device.

    Raises:
        InputError: a setting that is not computed for a batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_head(self, sigmoid=True)
        if self.train_cfg:
            check_targets(self, self.assigner, self.sampler)
            require(self, 'allowed_border', self.train_cfg['allowed_border'], -1)
        self.deltas = Deltas(self.bbox_coder)
        self._kept: dict[tuple, Any] = {}

    def batched(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor, Anchors]:
        """Logits (B, A), deltas (B, A, 4) and the anchors of all levels."""
        scores, deltas = self(features)
        sizes = [tuple(level.shape[-2:]) for level in scores]
        return (torch.cat([level.permute(0, 2, 3, 1).flatten(1) for level in scores], dim=1),
                torch.cat([level.permute(0, 2, 3, 1).reshape(len(level), -1, 4) for level in deltas], dim=1),
                self._keep(self._anchors, tuple(sizes), scores[0].device))

    def _keep(self, make: Any, *key: Any) -> Any:
        """What depends on shapes only: made once."""
        key = make.__name__, *key
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            with torch.inference_mode(False):  # or a training could not use what an evaluation made
                self._kept[key] = make(*key[1:])
        return self._kept[key]

    def _anchors(self, sizes: Sequence[tuple[int, int]], device: torch.device) -> Anchors:
        levels = self.prior_generator.grid_priors(sizes, device=device)
        origins = []
        for (height, width), (across, down) in zip(sizes, self.prior_generator.strides):
            cells = torch.cartesian_prod(torch.arange(height) * down, torch.arange(width) * across).flip(1)
            origins.append(cells.repeat_interleave(self.num_base_priors, dim=0))
        return Anchors(torch.cat(levels), torch.cat(origins).to(device), [len(level) for level in levels])

    def batched_loss(self, logits: Tensor, deltas: Tensor, anchors: Anchors, images: Images, truth: Boxes,
                     ignored: Boxes | None) -> dict[str, Tensor]:
        """``loss_rpn_cls`` and ``loss_rpn_bbox``, the sums over levels of mmdet's."""
        valid = (anchors.origin < images.padded_wh[:, None]).all(dim=2)  # cells of an image's own padding
        assigned = assign(self.assigner, Boxes(anchors.xyxy[None], valid), truth, ignored)
        index, positive, used = sample(self.sampler, assigned.positive, assigned.negative)
        weight = used.float()
        if self.train_cfg['pos_weight'] > 0:
            weight = torch.where(positive, self.train_cfg['pos_weight'], weight)
        objects = positive.sum(dim=1)
        count = (objects.clamp(min=1) + (used.sum(dim=1) - objects).clamp(min=1)).sum()
        loss = self.loss_cls(gather(logits, index).flatten(), positive.flatten(), weight.flatten(), avg_factor=count)
        boxes = anchors.xyxy[index]
        wanted = self.deltas.encode(boxes, gather(truth.xyxy, gather(assigned.truth, index)))
        wanted.masked_fill_(~positive[..., None], 0)  # of padding it is not finite
        off = self.loss_bbox(gather(deltas, index), wanted, reduction_override='none')
        return dict(loss_rpn_cls=loss, loss_rpn_bbox=(off * positive[..., None]).sum() / (count + EPS))

    @torch.no_grad()
    def batched_proposals(self, logits: Tensor, deltas: Tensor, anchors: Anchors, images: Images, cfg: Any) -> Boxes:
        """The best boxes of each image, best first.

        Args:
            cfg: mmdet's ``nms_pre``, ``nms``, ``max_per_img``, ``min_bbox_size``.
        """
        scores, index = self._candidates(logits.sigmoid(), anchors.counts, cfg.get('nms_pre', -1))
        boxes = self.deltas.decode(anchors.xyxy[index], gather(deltas, index), images.wh)
        if (smallest := cfg.get('min_bbox_size', -1)) >= 0:
            valid = (boxes[..., 2:] - boxes[..., :2] > smallest).all(dim=2)
        else:
            valid = torch.ones_like(index, dtype=torch.bool)
        counts = tuple(min(count, cfg.nms_pre) if cfg.get('nms_pre', -1) > 0 else count for count in anchors.counts)
        where = self._keep(table, counts, boxes.device)
        apart = move_apart(boxes, valid, where.level).index_select(1, where.candidate)
        there = valid.index_select(1, where.candidate) & where.exists
        stays = nms(apart.view(-1, where.columns, 4), there.view(-1, where.columns), cfg.nms.iou_threshold)
        stays = stays.view(len(boxes), -1).index_select(1, where.cell)
        best, order = torch.where(stays, scores, -1).sort(dim=1, descending=True, stable=True)
        best, order = best[:, :cfg.max_per_img], order[:, :cfg.max_per_img]
        valid = best >= 0
        return Boxes(gather(boxes, order).masked_fill(~valid[..., None], 0), valid)

    @staticmethod
    def _candidates(scores: Tensor, counts: Sequence[int], most: int) -> tuple[Tensor, Tensor]:
        """Scores and anchors of the best of each level, best first."""
        found, start = [], 0
        for level in scores.split(counts, dim=1):
            best, index = level.sort(dim=1, descending=True, stable=True)
            found.append((best[:, :most], index[:, :most] + start) if most > 0 else (best, index + start))
            start += level.shape[1]
        best, index = zip(*found)
        return torch.cat(best, dim=1), torch.cat(index, dim=1)
