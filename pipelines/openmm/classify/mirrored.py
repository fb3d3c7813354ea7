"""Test-time augmentation that gives the same answer each time: the image and its mirror image."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor


@MODELS.register_module(force=True)
class MirroredClassifier(ImageClassifier):
    """`ImageClassifier` whose scores are means of those of an image and of its mirror image, in validation, too."""

    def predict(self, inputs: Tensor, data_samples: Sequence[Any] | None = None, **kwargs: Any) -> list[Any]:
        """As of `ImageClassifier`."""
        mirrored = super().predict(inputs.flip(-1), None, **kwargs)
        found = super().predict(inputs, data_samples, **kwargs)
        for sample, other in zip(found, mirrored):
            score = torch.stack([sample.pred_score, other.pred_score]).mean(dim=0)
            sample.set_pred_score(score).set_pred_label(score.argmax(dim=0, keepdim=True))
        return found
