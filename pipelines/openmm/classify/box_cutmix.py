"""CutMix whose labels follow what is seen of the animals: the boxes' overlap, not the area of what was pasted.

    train_pipeline[1:-1] = [dict(type='KeepBox', transforms=train_pipeline[1:-1])]

has the box of an image's row follow through its random transforms, to `BoxCutMix`.
"""
from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose
from mmpretrain.models.utils import ClsDataPreprocessor
from mmpretrain.models.utils.batch_augments import CutMix
from mmpretrain.registry import BATCH_AUGMENTS, MODELS, TRANSFORMS
from torch import Tensor


@TRANSFORMS.register_module(force=True)
class KeepBox(BaseTransform):
    """Run transforms on an image, and with the same random numbers on a picture of its box.

    ``animal`` of the result is (4,) float32 xyxy, in pixels of the transformed image, half-open: around what is left of
    the box, zeros where nothing is. An image without a box counts as a whole.

    Args:
        transforms: configs; those that draw numbers draw as many whatever the pixels are.
    """

    def __init__(self, transforms: Sequence[dict]) -> None:
        self.transforms = Compose([TRANSFORMS.build(transform) for transform in transforms])

    def transform(self, results: dict) -> dict:
        drawn = dict(results, img=_drawn(results))
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()
        found = self.transforms(results)
        after = random.getstate(), np.random.get_state(), torch.get_rng_state()
        _restore(before)
        mask = self.transforms(drawn)['img'].max(axis=2) > 127
        _restore(after)
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if mask.any() else [0] * 4
        return dict(found, animal=torch.tensor(box, dtype=torch.float32))


def _drawn(results: dict) -> np.ndarray:
    """White where the box is, in the pixels of the loaded crop."""
    height, width = results['img'].shape[:2]
    if not results.get('box'):
        return np.full_like(results['img'], 255)
    x1, y1, x2, y2 = results['crop']
    scale = np.array([width / (x2 - x1), height / (y2 - y1)] * 2)
    left, top, right, bottom = ((np.array(results['box']) - [x1, y1, x1, y1]) * scale).round().astype(int).clip(0)
    picture = np.zeros_like(results['img'])
    picture[top:bottom, left:right] = 255
    return picture


def _restore(states: tuple) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def shares(boxes: Tensor, others: Tensor, region: tuple[int, int, int, int], kept: float) -> Tensor:
    """How much of each label stays where a region of another image was pasted at the same place.

    Args:
        boxes: (N, 4) xyxy of the animals that are pasted over; without area where nothing is known of one.
        others: (N, 4) of the pasted images.
        region: xyxy that was pasted.
        kept: share of the area that stays, for pairs of which no animal is to be seen.
    Returns:
        (N,): what is seen of the first animal, over what is seen of both, each as a share of its own box.
    Source: after Huang et al. 2021, SnapMix (arXiv 2012.04846), with boxes in place of activation maps.
    """
    cut = torch.tensor(region, dtype=boxes.dtype, device=boxes.device)

    def inside(xyxy: Tensor) -> Tensor:
        area = (xyxy[:, 2:] - xyxy[:, :2]).prod(dim=1)
        overlap = (torch.minimum(xyxy[:, 2:], cut[2:]) - torch.maximum(xyxy[:, :2], cut[:2])).clamp(min=0).prod(dim=1)
        return torch.where(area > 0, overlap / area, torch.nan)

    here, there = (1 - inside(boxes)).nan_to_num(0), inside(others).nan_to_num(0)
    seen = here + there
    return torch.where(seen > 0, here / seen, kept)


@BATCH_AUGMENTS.register_module(force=True)
class BoxCutMix(CutMix):
    """`CutMix` with `shares` of labels. `BoxPreprocessor` gives it the boxes of each batch."""
    boxes: Tensor

    def mix(self, batch_inputs: Tensor, batch_scores: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) images and (N, C) scores, mixed in pairs."""
        shape, other = batch_inputs.shape[-2:], torch.randperm(len(batch_inputs))
        (y1, y2, x1, x2), kept = self.cutmix_bbox_and_lam(shape, np.random.beta(self.alpha, self.alpha))
        batch_inputs[:, :, y1:y2, x1:x2] = batch_inputs[other, :, y1:y2, x1:x2]
        boxes = self.boxes.to(batch_scores.device)
        share = shares(boxes, boxes[other], (x1, y1, x2, y2), float(kept))[:, None].to(batch_scores.dtype)
        return batch_inputs, share * batch_scores + (1 - share) * batch_scores[other]


@MODELS.register_module(force=True)
class BoxPreprocessor(ClsDataPreprocessor):
    """`ClsDataPreprocessor` that gives the boxes of a training batch (`KeepBox`) to its `BoxCutMix`."""

    def forward(self, data: dict, training: bool = False) -> dict:
        for augment in self.batch_augments.augments if training and self.batch_augments else ():
            if isinstance(augment, BoxCutMix):
                augment.boxes = torch.stack([sample.animal for sample in data['data_samples']])
        return super().forward(data, training)
