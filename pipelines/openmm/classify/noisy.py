"""Noise training: a classifier learns from images with Gaussian noise, so that its smoothed votes can be certified.

Source: Cohen et al. 2019, "Certified adversarial robustness via randomized smoothing" (arXiv 1902.02918), section 3.3.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor

from pipelines.core.errors import InputError
from pipelines.openmm import attacks


@MODELS.register_module(force=True)
class NoisyClassifier(ImageClassifier):
    """`ImageClassifier` whose training images get noise; val and predictions are of images as they are.

    Args:
        sigma: standard deviation of the noise, of pixels in [0, 1]. Nothing is clipped.
    Raises:
        InputError: no noise.
    """

    def __init__(self, *args: Any, sigma: float, **kwargs: Any) -> None:
        if sigma <= 0:
            raise InputError('model.sigma', expected='more than 0, as 0.12', found=repr(sigma), remedy='correct it')
        super().__init__(*args, **kwargs)
        self.sigma = sigma

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """As of `ImageClassifier`, of noisy inputs."""
        pixels = attacks.Pixels(self)
        found: dict[str, Tensor] = super().loss(
            inputs + pixels.inputs(self.sigma * torch.randn_like(inputs)) - pixels.inputs(torch.zeros_like(inputs)),
            data_samples)
        return found
