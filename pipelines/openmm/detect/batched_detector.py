"""Faster R-CNN (Ren et al. 2015) for a batch at once: mmdet's network, losses and detections with fewer operators.

mmdet assigns, samples, encodes and suppresses image by image: on a GPU most of a step is waiting for that. Here those
are computed on padded tensors, and the host reads back only the detections. Weights are mmdet's, by the same names.
"""
from __future__ import annotations

from typing import Any

import torch
from mmdet.models import FasterRCNN
from mmdet.registry import MODELS
from torch import Tensor

from pipelines.openmm.detect import batched_roi, batched_rpn  # noqa: F401 (their classes register themselves)
from pipelines.openmm.detect.batched_boxes import images_of, pad
from pipelines.openmm.detect.batched_targets import check_nms, require


@MODELS.register_module(force=True)
class BatchedFasterRCNN(FasterRCNN):
    """mmdet's `FasterRCNN` of `BatchedRPNHead` and `BatchedStandardRoIHead`.

    Raises:
        InputError: other heads, or proposals that a dataset brings along.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        require(self, 'rpn_head', type(self.rpn_head).__name__, 'BatchedRPNHead')
        require(self, 'roi_head', type(self.roi_head).__name__, 'BatchedStandardRoIHead')
        for cfg in (self.test_cfg.rpn, (self.train_cfg or {}).get('rpn_proposal', self.test_cfg.rpn)):
            check_nms(self.rpn_head, cfg)

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        features = self.extract_feat(batch_inputs)
        device = batch_inputs.device
        images = images_of([sample.metainfo for sample in batch_data_samples], device)
        truth = pad([sample.gt_instances for sample in batch_data_samples], device)
        ignored = None
        if 'ignored_instances' in batch_data_samples[0]:
            ignored = pad([sample.ignored_instances for sample in batch_data_samples], device)
        found = self.rpn_head.batched(features)
        losses = self.rpn_head.batched_loss(*found, images, truth, ignored)
        with torch.no_grad():
            proposals = self.rpn_head.batched_proposals(
                *found, images, self.train_cfg.get('rpn_proposal', self.test_cfg.rpn))
        return losses | self.roi_head.batched_loss(features, proposals, truth, ignored)

    def predict(self, batch_inputs: Tensor, batch_data_samples: list, rescale: bool = True) -> list:
        require(self, 'proposals in the data', batch_data_samples[0].get('proposals'), None)
        features = self.extract_feat(batch_inputs)
        images = images_of([sample.metainfo for sample in batch_data_samples], batch_inputs.device)
        proposals = self.rpn_head.batched_proposals(*self.rpn_head.batched(features), images, self.test_cfg.rpn)
        found = self.roi_head.batched_predict(features, proposals, images, rescale=rescale)
        return self.add_pred_to_datasample(batch_data_samples, found)
