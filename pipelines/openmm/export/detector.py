"""Faster R-CNN as one graph: a padded uint8 picture and its size in, boxes out, with NMS and RoIAlign inside."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import nms, roi_align

from pipelines.core.errors import InputError
from pipelines.openmm.detect.batched_boxes import Deltas
from pipelines.openmm.detect.batched_targets import check_head, check_nms, require
from pipelines.openmm.export.classifier import Normalised


class Detector(nn.Module):
    """mmdet's Faster R-CNN for one picture at a time, with its own layers and weights.

    Args:
        network: `FasterRCNN`, or the one that computes batches at once.
    Raises:
        InputError: another detector, or a setting that is not computed here.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        if not (hasattr(network, 'rpn_head') and hasattr(network, 'roi_head')):
            raise InputError(type(network).__name__, expected='Faster R-CNN', found='another detector',
                             remedy='export a run whose detector is one of mm_configs/detect/faster-rcnn_*')
        self.prepare = Normalised(network.data_preprocessor)
        self.network, self.rpn, self.head = network, network.rpn_head, network.roi_head.bbox_head
        self.layers = nn.ModuleList(network.roi_head.bbox_roi_extractor.roi_layers)
        self.finest = network.roi_head.bbox_roi_extractor.finest_scale
        self.first, self.second = network.test_cfg.rpn, network.test_cfg.rcnn
        check_head(self.rpn, sigmoid=True)
        check_head(self.head, sigmoid=False)
        for cfg in (self.first, self.second):
            check_nms(network, cfg)
        require(network, 'rpn.nms_pre', self.first.get('nms_pre', -1), 'a number', self.first.get('nms_pre', -1) > 0)
        for layer in self.layers:
            require(network, 'roi_layer', (layer.sampling_ratio, layer.aligned, layer.pool_mode), (0, True, 'avg'))
        self.rpn_deltas, self.roi_deltas = Deltas(self.rpn.bbox_coder), Deltas(self.head.bbox_coder)
        for number, anchors in enumerate(self.rpn.prior_generator.base_anchors):
            self.register_buffer(f'anchors{number}', anchors.detach().clone())

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Args:
            image: (1, 3, H, W) uint8 RGB, H and W multiples of 32; what lies right of and below the picture is padding.
            size: (2,) int64 height and width of the picture.
        Returns:
            (N, 4) xyxy in pixels of ``image``, (N,) scores, falling, and (N,) labels.
        """
        pixels = self.prepare(image)
        rows = torch.arange(image.shape[2], device=image.device) < size[0]
        columns = torch.arange(image.shape[3], device=image.device) < size[1]
        features = self.network.extract_feat(pixels * (rows[:, None] & columns))  # padded after it is normalised
        wh = size.flip(0).float()[None]
        return self._detections(features, self._proposals(features, wh), wh)

    def _anchors(self, height: int, width: int, number: int) -> Tensor:
        """(A, 4) of a level, in the order of its outputs: row, column, shape."""
        across, down = self.rpn.prior_generator.strides[number]
        x = (torch.arange(width) * across).float()[None, :].expand(height, width)
        y = (torch.arange(height) * down).float()[:, None].expand(height, width)
        cells = torch.stack([x, y, x, y], dim=2)[:, :, None]
        return (cells + self.get_buffer(f'anchors{number}')).reshape(-1, 4)

    def _proposals(self, features: Sequence[Tensor], wh: Tensor) -> Tensor:
        """(K, 4) of the first stage, best first."""
        boxes, scores, levels = [], [], []
        most = self.first.nms_pre
        for number, (logits, deltas) in enumerate(zip(*self.rpn(features))):
            anchors = self._anchors(logits.shape[2], logits.shape[3], number)
            found = logits.permute(0, 2, 3, 1).reshape(-1).sigmoid()
            moves = deltas.permute(0, 2, 3, 1).reshape(-1, 4)
            # filled up, so that a level of fewer has as many, too: a trace knows no `min`
            best, order = torch.cat([found, found.new_full((most,), -1)]).topk(most)
            anchors, moves = (torch.cat([part, part.new_zeros(most, 4)])[order] for part in (anchors, moves))
            boxes.append(self.rpn_deltas.decode(anchors[None], moves[None], wh)[0])
            scores.append(best)
            levels.append(torch.full_like(best, number))
        xyxy, score, level = torch.cat(boxes), torch.cat(scores), torch.cat(levels)
        if (least := self.first.get('min_bbox_size', -1)) >= 0:
            score = torch.where((xyxy[:, 2:] - xyxy[:, :2] > least).all(dim=1), score, -1)
        apart = xyxy + (level * (xyxy.max() + 1))[:, None]
        kept = nms(apart, score, self.first.nms.iou_threshold)[:self.first.max_per_img]
        return xyxy[kept][score[kept] >= 0]

    def _pooled(self, features: Sequence[Tensor], xyxy: Tensor) -> Tensor:
        """(K, C, h, w) of each proposal, from the level that its size chooses."""
        size = (xyxy[:, 2:] - xyxy[:, :2]).prod(dim=1).sqrt()
        level = torch.floor(torch.log2(size / self.finest + 1e-6)).clamp(min=0, max=len(self.layers) - 1)
        total = torch.zeros(1)
        for number, (layer, maps) in enumerate(zip(self.layers, features)):
            own = (level == number).float()[:, None]
            regions = torch.cat([torch.zeros_like(own), xyxy * own], dim=1)  # of other levels empty, and soon done
            found = roi_align(maps, regions, layer.output_size, layer.spatial_scale, 0, True)
            total = total + found * own[:, :, None, None]
        return total

    def _detections(self, features: Sequence[Tensor], xyxy: Tensor, wh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, deltas = self.head(self._pooled(features, xyxy))
        classes = self.head.num_classes
        scores = logits.softmax(dim=1)[:, :classes]
        moves = deltas.reshape(-1, deltas.shape[1] // 4, 4)
        boxes = self.roi_deltas.decode(xyxy[:, None].expand_as(moves).reshape(1, -1, 4), moves.reshape(1, -1, 4), wh)[0]
        boxes = boxes.reshape(-1, moves.shape[1], 4).expand(-1, classes, 4).reshape(-1, 4)
        labels = torch.arange(classes).expand_as(scores).reshape(-1)
        flat = scores.reshape(-1)
        there = flat > self.second.score_thr
        boxes, flat, labels = boxes[there], flat[there], labels[there]
        apart = boxes + (labels * (wh.max() + 1))[:, None]
        kept = nms(apart, flat, self.second.nms.iou_threshold)[:self.second.max_per_img]
        return boxes[kept], flat[kept], labels[kept]
