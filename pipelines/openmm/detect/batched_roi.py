"""Faster R-CNN's second stage (Ren et al. 2015; Lin et al. 2017), computed for all images of a batch at once."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models import SingleRoIExtractor, StandardRoIHead
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor

from pipelines.openmm.detect.batched_boxes import Boxes, Deltas, Images, fixed_shapes, gather
from pipelines.openmm.detect.batched_nms import move_apart, nms
from pipelines.openmm.detect.batched_targets import (
    EPS,
    Assigned,
    assign,
    check_head,
    check_nms,
    check_targets,
    require,
    sample,
)

CANDIDATES = 4096  # of an image's boxes by class: up to so many are all compared, without asking how many there are


@MODELS.register_module(force=True)
class BatchedSingleRoIExtractor(SingleRoIExtractor):
    """mmdet's `SingleRoIExtractor`, which pools every region from every level: from all but its own an empty one.

    An empty region has no samples, so that it costs as good as nothing, and its features are 0.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        layer = self.roi_layers[0]
        require(self, 'roi_layer', type(layer).__name__, 'RoIAlign')
        for name, value in dict(sampling_ratio=0, aligned=True, pool_mode='avg').items():
            require(self, f'roi_layer.{name}', getattr(layer, name), value)

    def forward(self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        if len(feats) == 1 or not fixed_shapes(rois):
            return super().forward(feats, rois, roi_scale_factor)
        rois = rois.type_as(feats[0])
        level = self.map_roi_levels(rois, len(feats))[:, None]
        if roi_scale_factor is not None:
            rois = self.roi_rescale(rois, roi_scale_factor)
        pooled = [layer(features, rois * (level == number))
                  for number, (layer, features) in enumerate(zip(self.roi_layers, feats))]
        return sum(pooled[1:], pooled[0])


@MODELS.register_module(force=True)
class BatchedStandardRoIHead(StandardRoIHead):
    """mmdet's `StandardRoIHead`: its parameters, losses and detections; the samples are drawn on the device.

    Raises:
        InputError: a setting that is not computed for a batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        require(self, 'mask_head', self.with_mask, False)
        require(self, 'bbox_head.with_cls, .with_reg', (self.bbox_head.with_cls, self.bbox_head.with_reg), (True, True))
        check_head(self.bbox_head, sigmoid=False)
        if self.train_cfg:
            check_targets(self, self.bbox_assigner, self.bbox_sampler)
        if self.test_cfg:
            check_nms(self, self.test_cfg)
        self.deltas = Deltas(self.bbox_head.bbox_coder)

    def _network(self, features: Sequence[Tensor], xyxy: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (B, K, C + 1) and deltas (B, K, C or 1, 4) of (B, K, 4) regions."""
        images, count = xyxy.shape[:2]
        image = torch.arange(images, device=xyxy.device, dtype=xyxy.dtype)[:, None, None].expand(-1, count, 1)
        found = self._bbox_forward(features, torch.cat([image, xyxy], dim=2).flatten(0, 1))
        return found['cls_score'].view(images, count, -1), found['bbox_pred'].view(images, count, -1, 4)

    def batched_loss(self, features: Sequence[Tensor], proposals: Boxes, truth: Boxes,
                     ignored: Boxes | None) -> dict[str, Tensor]:
        """``loss_cls``, ``acc`` and ``loss_bbox`` as mmdet's."""
        head, none = self.bbox_head, self.bbox_head.num_classes
        boxes, assigned = self._candidates(proposals, truth, ignored)
        index, positive, used = sample(self.bbox_sampler, assigned.positive, assigned.negative)
        boxes = gather(boxes, index).masked_fill(~used[..., None], 0)
        logits, deltas = self._network(features, boxes)
        number = gather(assigned.truth, index)
        label = gather(truth.labels, number)
        weight = used.float()
        if self.train_cfg.pos_weight > 0:
            weight = torch.where(positive, self.train_cfg.pos_weight, weight)
        labels, count = torch.where(positive, label, none), used.sum().clamp(min=1)
        loss = head.loss_cls(logits.flatten(0, 1), labels.flatten(), weight.flatten(), avg_factor=count)
        right = (logits.argmax(dim=2) == labels) & used
        if not head.reg_class_agnostic:
            deltas = deltas.gather(2, label[..., None, None].expand(-1, -1, 1, 4))
        wanted = self.deltas.encode(boxes, gather(truth.xyxy, number))
        wanted.masked_fill_(~positive[..., None], 0)  # of padding it is not finite
        off = head.loss_bbox(deltas[:, :, 0], wanted, reduction_override='none')
        return dict(loss_cls=loss, acc=right.sum() * (100 / count),
                    loss_bbox=(off * positive[..., None]).sum() / (count + EPS))

    def _candidates(self, proposals: Boxes, truth: Boxes, ignored: Boxes | None) -> tuple[Tensor, Assigned]:
        """What is sampled from: proposals, and before them the annotated boxes where the sampler asks for them."""
        found = assign(self.bbox_assigner, proposals, truth, ignored)
        if not self.bbox_sampler.add_gt_as_proposals:
            return proposals.xyxy, found
        numbers = torch.arange(truth.valid.shape[1], device=truth.valid.device).expand_as(truth.valid)
        own = Assigned(numbers, truth.valid, torch.zeros_like(truth.valid))
        return (torch.cat([truth.xyxy, proposals.xyxy], dim=1),
                Assigned(*(torch.cat(parts, dim=1) for parts in zip(own, found))))

    @torch.no_grad()
    def batched_predict(self, features: Sequence[Tensor], proposals: Boxes, images: Images, *,
                        rescale: bool) -> list[InstanceData]:
        """Detections of each image, best first, on the CPU: one copy for the batch.

        Args:
            rescale: boxes in the original images' pixels.
        """
        cfg = self.test_cfg
        if not fixed_shapes(proposals.xyxy):  # as many as the fullest image has
            most = max(1, int(proposals.valid.sum(dim=1).max()))
            proposals = Boxes(proposals.xyxy[:, :most], proposals.valid[:, :most])
        logits, deltas = self._network(features, proposals.xyxy)
        scores = logits.softmax(dim=2)[..., :-1]
        boxes = self.deltas.decode(proposals.xyxy[:, :, None].expand_as(deltas).flatten(1, 2), deltas.flatten(1, 2),
                                   images.wh)
        if rescale:
            boxes = boxes * images.back.repeat(1, 2)[:, None]
        return _detections(boxes, scores, proposals.valid, cfg)


def _detections(boxes: Tensor, scores: Tensor, valid: Tensor, cfg: Any) -> list[InstanceData]:
    """mmdet's ``multiclass_nms`` for a batch.

    Args:
        boxes: (B, K * C, 4), or (B, K, 4) for all classes.
        scores: (B, K, C).
        valid: (B, K).
        cfg: mmdet's ``score_thr``, ``nms``, ``max_per_img``.
    """
    images, count, classes = scores.shape
    scores = torch.where((scores > cfg.score_thr) & valid[..., None], scores, -1).flatten(1)
    most = count * classes
    if most > CANDIDATES or not fixed_shapes(scores):
        most = max(1, int((scores >= 0).sum(dim=1).max()))
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    scores, order = scores[:, :most], order[:, :most]
    boxes = gather(boxes, order if boxes.shape[1] == count * classes else order // classes)
    valid, labels = scores >= 0, order % classes
    stays = nms(move_apart(boxes, valid, labels), valid, cfg.nms.iou_threshold)
    order = stays.sort(dim=1, descending=True, stable=True)[1]
    order = order[:, :cfg.max_per_img] if cfg.max_per_img > 0 else order
    found = torch.cat([boxes, scores[..., None], labels[..., None].to(boxes)], dim=2)
    found = torch.cat([gather(found, order), gather(stays, order)[..., None].to(boxes)], dim=2).cpu().numpy()
    results = []
    for image in found:
        image = image[image[:, 6] > 0]
        results.append(InstanceData(bboxes=torch.from_numpy(image[:, :4].copy()),
                                    scores=torch.from_numpy(image[:, 4].copy()),
                                    labels=torch.from_numpy(image[:, 5].astype('int64'))))
    return results

