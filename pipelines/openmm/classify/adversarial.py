"""Adversarial training: a classifier that learns from attacked images, and is judged on val by attacked images.

Source: Goodfellow et al. 2015 (arXiv 1412.6572) for FGSM; Madry et al. 2018 (arXiv 1706.06083) for PGD. FGSM training
can overfit to its one step at any epoch (Wong et al. 2020, arXiv 2001.03994): so PGD's accuracy on val is measured
after each, and chooses the epoch.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import METRICS, MODELS
from torch import Tensor

from pipelines.core.errors import InputError
from pipelines.openmm import attacks

VAL_ATTACK = dict(kind='pgd', eps=8 / 255, steps=10)


@MODELS.register_module(force=True)
class AdversarialClassifier(ImageClassifier):
    """`ImageClassifier` that attacks its training images, and those of val in the training's validation.

    What `attacks.attacking` promises holds: the network is attacked in evaluation mode and its buffers do not move.
    Predictions (of the table, of `tools/test.py`) are of images as they are.

    Args:
        attack: of training: what `attacks.Attack` takes, and ``p``, the share of images that are attacked (default 1).
        val_attack: of val: what `attacks.Attack` takes. PGD of 10 steps from the image itself where it is not given.
    Raises:
        InputError: values that make no attack.
    """

    def __init__(self, *args: Any, attack: Mapping[str, Any], val_attack: Mapping[str, Any] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attack, self.p = read(attack)
        self.val_attack = attacks.Attack(**(val_attack or VAL_ATTACK))

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """As of `ImageClassifier`, of attacked inputs."""
        if self.p:
            inputs = self._attacked(inputs, _targets(data_samples))
        return super().loss(inputs, data_samples)

    def _attacked(self, inputs: Tensor, targets: Tensor) -> Tensor:
        chosen = torch.rand(len(inputs), device=inputs.device) < self.p if self.p < 1 else slice(None)
        if isinstance(chosen, Tensor) and not chosen.any():
            return inputs
        found = inputs.clone()
        found[chosen] = self._by(self.attack, inputs[chosen], targets[chosen]).to(inputs.dtype)
        return found

    def _by(self, attack: attacks.Attack, inputs: Tensor, targets: Tensor,
            generator: torch.Generator | None = None) -> Tensor:
        pixels = attacks.Pixels(self)
        with attacks.attacking(self):
            return pixels.inputs(attack(pixels.logits, pixels.of(inputs), targets, generator))

    def val_step(self, data: Any) -> list[Any]:
        """Predictions of the images; and, as ``attacked_label``, of the same images attacked."""
        data = self.data_preprocessor(data, False)
        inputs, samples = data['inputs'], data['data_samples']
        generator = torch.Generator(inputs.device).manual_seed(0)  # the training's random numbers stay its own
        attacked = self._by(self.val_attack, inputs, _targets(samples), generator)
        found = self(inputs, samples, mode='predict')
        with torch.no_grad():
            for sample, label in zip(found, attacks.logits(self, attacked).argmax(dim=1)):
                sample.set_field(label, 'attacked_label', field_type='data')
        return found


def read(attack: Mapping[str, Any]) -> tuple[attacks.Attack, float]:
    """The attack of a config, and the share of images that it is for.

    Raises:
        InputError: values that make no attack.
    """
    found = dict(attack)
    p = found.pop('p', 1.)
    if not 0 <= p <= 1:
        raise InputError('attack, p', expected='a share from 0 to 1', found=repr(p), remedy='correct it')
    known = attacks.Attack.__dataclass_fields__
    if strange := sorted(set(found) - set(known)):
        raise InputError('attack', expected=', '.join(['p', *known]), found=', '.join(strange),
                         remedy='correct the name')
    return attacks.Attack(**found), p


def _targets(samples: Sequence[Any]) -> Tensor:
    """Labels (N,), or shares of classes (N, C) where images are mixed."""
    if all('gt_score' in sample for sample in samples):
        return torch.stack([sample.gt_score for sample in samples])
    return torch.cat([sample.gt_label for sample in samples])


@METRICS.register_module(force=True)
class AttackedAccuracy(BaseMetric):
    """Top-1 in % of attacked images of val: ``attacked/top1``. For an `AdversarialClassifier`."""
    default_prefix = 'attacked'

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        for sample in data_samples:
            self.results.append(bool((sample['attacked_label'] == sample['gt_label']).all()))

    def compute_metrics(self, results: list[bool]) -> dict[str, float]:
        return dict(top1=100 * sum(results) / len(results))
