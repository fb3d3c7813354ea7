"""A student that learns from a teacher: another row's trained network, which looks at the same images.

Source: Hinton et al. 2015 (arXiv 1503.02531). Defensive distillation is the same with a high temperature and the
teacher's answers alone; the network is then used without a temperature (Papernot et al. 2016, arXiv 1511.04508).
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmpretrain.models import CrossEntropyLoss, ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from pipelines.core.errors import InputError
from pipelines.openmm.weights import parents


@MODELS.register_module(force=True)
class DistilledClassifier(ImageClassifier):
    """`ImageClassifier` with the loss (1 - alpha) own + alpha T^2 KL(teacher / T, student / T), a mean over images.

    The teacher is in evaluation mode, gets no gradient, and is no part of the network: not of its parameters, weights
    or checkpoints. A trained student needs none.

    Args:
        teacher: ``model://ROW`` or, to measure a training, the config of a network with random weights.
        alpha: share of the teacher's loss, from 0 to 1. With 0 the training is that of `ImageClassifier`, bit by bit.
        temperature: T, by which the logits of both are divided in the teacher's loss.
    Raises:
        InputError: values out of their range.
    """

    def __init__(self, *args: Any, teacher: str | Mapping[str, Any], alpha: float = 0.9, temperature: float = 4.,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= alpha <= 1 or temperature <= 0:
            raise InputError('model.alpha, model.temperature', expected='0 <= alpha <= 1 and temperature > 0',
                             found=f'{alpha}, {temperature}', remedy='correct them')
        self.alpha, self.temperature = alpha, temperature
        self._teacher: list[nn.Module] = []  # in a list: no submodule
        if alpha and (isinstance(teacher, Mapping) or parents.is_file(teacher)):
            self._teacher.append(_built(teacher))

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """``loss``, of the head with its weight, and ``loss_distill``.

        Args:
            inputs: (N, 3, H, W), normalised.
        Raises:
            InputError: no teacher: the network was not built for a training.
        """
        if not self.alpha:
            return super().loss(inputs, data_samples)
        if not self._teacher:
            raise InputError('model.teacher', expected='the trained network of a row', found='none that was trained',
                             remedy='train by make classify, which trains that row first')
        scores = self.head(self.extract_feat(inputs))
        found = {name: value * (1 - self.alpha) if 'loss' in name else value
                 for name, value in self.head._get_loss(scores, data_samples).items()}
        found['loss_distill'] = self.alpha * distillation(scores, self.teach(inputs), self.temperature)
        return found

    @torch.no_grad()
    def teach(self, inputs: Tensor) -> Tensor:
        """The teacher's logits (N, C)."""
        teacher = self._teacher[0].to(inputs.device)
        return teacher(renormalised(inputs, self.data_preprocessor, teacher.data_preprocessor))


def _built(source: str | Mapping[str, Any]) -> nn.Module:
    from pipelines.openmm.engine import network

    teacher = MODELS.build(source) if isinstance(source, Mapping) else network.build(
        parents.config_of(source), Path(source))
    teacher.requires_grad_(False)
    teacher.eval()  # not chained: that of mmpretrain's backbones returns None
    return teacher


def distillation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T), softmax(student / T)), a mean over images (Hinton et al. 2015, section 2).

    Args:
        student, teacher: logits (N, C).
    """
    theirs, ours = (log_softmax(logits.double() / temperature, 1) for logits in (teacher, student))  # T^2 is large
    return (kl_div(ours, theirs, reduction='batchmean', log_target=True) * temperature ** 2).float()


def renormalised(inputs: Tensor, ours: Any, theirs: Any) -> Tensor:
    """Images (N, 3, H, W) that one data preprocessor has normalised, as another one would have."""
    def said(preprocessor: Any) -> tuple[Tensor, Tensor, bool]:
        zero, one = inputs.new_zeros(1, 1, 1), inputs.new_ones(1, 1, 1)
        return (getattr(preprocessor, 'mean', zero).to(inputs), getattr(preprocessor, 'std', one).to(inputs),
                bool(preprocessor.to_rgb))

    (mean, std, rgb), (other_mean, other_std, other_rgb) = said(ours), said(theirs)
    if rgb == other_rgb and mean.equal(other_mean) and std.equal(other_std):
        return inputs
    pixels = inputs * std + mean
    return ((pixels.flip(1) if rgb != other_rgb else pixels) - other_mean) / other_std


@MODELS.register_module(force=True)
class TemperedCrossEntropyLoss(CrossEntropyLoss):
    """mmpretrain's `CrossEntropyLoss` of logits that are divided by a temperature: for a defensive teacher.

    Args:
        temperature: T; predictions do not know it.
    """

    def __init__(self, *args: Any, temperature: float = 20., **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.temperature = temperature

    def forward(self, cls_score: Tensor, label: Tensor, **kwargs: Any) -> Tensor:
        return super().forward(cls_score / self.temperature, label, **kwargs)
