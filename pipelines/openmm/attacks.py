"""Gradient attacks on classifiers: FGSM and PGD under Linf and L2, on pixels in [0, 1], before normalisation.

Adversarial training (`classify.adversarial`) and `make robust` use these. The threat model: the network's own input,
after resizing and padding, grey borders included. An attack leaves no trace: the network is in evaluation mode while it
is attacked, then as it was; parameters' ``.grad`` and buffers stay as they are.
"""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.core.errors import InputError

Logits = Callable[[Tensor], Tensor]  # (N, 3, H, W) in [0, 1] -> (N, C)
KINDS = ('fgsm', 'pgd')
NORMS = ('linf', 'l2')
_WHITE = 255.


@dataclass(frozen=True)
class Attack:
    """One attack, with its strength.

    Args:
        kind: ``fgsm`` is one step of the whole radius, ``pgd`` several that are projected back.
        eps: radius, of pixels in [0, 1].
        norm: that the radius is measured in, over one image.
        steps: of PGD; FGSM has one.
        step: length of one step; None: ``eps`` for FGSM (1.25 ``eps`` from a random start: Wong et al. 2020,
            arXiv 2001.03994, section 4.2), 2.5 ``eps / steps`` for PGD (Madry et al. 2018, arXiv 1706.06083).
        start: ``zero``: from the image itself; ``uniform``: from a random point of the ball.
        restarts: random starts; of each image the one with the highest loss is kept.
    Raises:
        InputError: a value that makes no attack.
    """
    kind: Literal['fgsm', 'pgd'] = 'pgd'
    eps: float = 8 / 255
    norm: Literal['linf', 'l2'] = 'linf'
    steps: int = 10
    step: float | None = None
    start: Literal['zero', 'uniform'] = 'zero'
    restarts: int = 1

    def __post_init__(self) -> None:
        for name, value, expected, good in (
                ('kind', self.kind, ' or '.join(KINDS), self.kind in KINDS),
                ('norm', self.norm, ' or '.join(NORMS), self.norm in NORMS),
                ('start', self.start, 'zero or uniform', self.start in ('zero', 'uniform')),
                ('eps', self.eps, 'at least 0, as 8/255' + (' (Linf: at most 1)' if self.norm == 'linf' else ''),
                 self.eps >= 0 and (self.norm != 'linf' or self.eps <= 1)),
                ('steps', self.steps, 'at least 1', self.steps >= 1),
                ('step', self.step, 'more than 0, or None', self.step is None or self.step > 0),
                ('restarts', self.restarts, '1 from start zero, else at least 1',
                 self.restarts == 1 or self.restarts > 1 and self.start == 'uniform')):
            if not good:
                raise InputError(f'attack, {name}', expected=expected, found=repr(value), remedy='correct it')

    @property
    def count(self) -> int:
        """Steps that are made."""
        return self.steps if self.kind == 'pgd' else 1

    @property
    def length(self) -> float:
        """Of one step."""
        if self.step is not None:
            return self.step
        if self.kind == 'pgd':
            return 2.5 * self.eps / self.steps
        return self.eps * (1.25 if self.start == 'uniform' else 1.)

    def __call__(self, logits: Logits, images: Tensor, targets: Tensor, generator: torch.Generator | None = None
                 ) -> Tensor:
        """Images of a higher cross-entropy, inside the ball and inside [0, 1].

        Args:
            logits: of images, differentiable; nothing random and nothing that keeps statistics in it (`attacking`).
            images: (N, 3, H, W) in [0, 1].
            targets: (N,) labels, or (N, C) shares of classes.
            generator: of the random starts; None: torch's own.
        Returns:
            (N, 3, H, W), without a gradient.
        """
        images = images.detach()
        with torch.enable_grad():
            found = self._once(logits, images, targets, generator)
            if self.restarts == 1:
                return found
            worst = self._losses(logits, found, targets)
            for _ in range(self.restarts - 1):
                other = self._once(logits, images, targets, generator)
                losses = self._losses(logits, other, targets)
                better = losses > worst
                found, worst = torch.where(_each(better), other, found), torch.where(better, losses, worst)
        return found

    def _once(self, logits: Logits, images: Tensor, targets: Tensor, generator: torch.Generator | None) -> Tensor:
        found = images
        if self.start == 'uniform':
            found = (images + self._random(images, generator)).clamp(0, 1)
        for _ in range(self.count):
            found = found.detach().requires_grad_()
            loss = functional.cross_entropy(logits(found), targets, reduction='sum')  # an image's own, in any batch
            gradient, = torch.autograd.grad(loss, found)
            with torch.no_grad():
                found = images + self._projected(found + self.length * self._direction(gradient) - images)
                found = found.clamp(0, 1)
        return found.detach()

    def _losses(self, logits: Logits, images: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            return functional.cross_entropy(logits(images), targets, reduction='none')

    def _direction(self, gradient: Tensor) -> Tensor:
        if self.norm == 'linf':
            return gradient.sign()
        return gradient / _each(gradient.flatten(1).norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny))

    def _projected(self, change: Tensor) -> Tensor:
        if self.norm == 'linf':
            return change.clamp(-self.eps, self.eps)
        length = change.flatten(1).norm(dim=1).clamp_min(torch.finfo(change.dtype).tiny)
        return change * _each((self.eps / length).clamp_max(1.))

    def _random(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Uniform in the ball."""
        if self.norm == 'linf':
            return torch.empty_like(images).uniform_(-self.eps, self.eps, generator=generator)
        drawn = torch.empty_like(images).normal_(generator=generator)
        share = torch.empty(len(images), device=images.device).uniform_(generator=generator)
        radius = self.eps * share.pow(1 / images[0].numel())
        return drawn * _each(radius / drawn.flatten(1).norm(dim=1))


def _each(values: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1)."""
    return values.view(-1, 1, 1, 1)


class Pixels:
    """A classifier of mmpretrain as a function of pixels in [0, 1].

    Args:
        network: as built; its ``data_preprocessor`` says how inputs are normalised.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        before = network.data_preprocessor
        normalised = getattr(before, '_enable_normalize', False)
        self.mean = before.mean if normalised else 0.
        self.std = before.std if normalised else 1.

    def of(self, inputs: Tensor) -> Tensor:
        """Normalised inputs -> pixels."""
        return ((inputs * self.std + self.mean) / _WHITE).clamp(0, 1)

    def inputs(self, pixels: Tensor) -> Tensor:
        """Pixels -> normalised inputs."""
        return (pixels * _WHITE - self.mean) / self.std

    def logits(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], RGB where the network takes that -> (N, C)."""
        return logits(self.network, self.inputs(pixels))


def logits(network: Any, inputs: Tensor) -> Tensor:
    """(N, 3, H, W) normalised inputs -> (N, C); of several outputs (Conformer's head) the sum, as it predicts."""
    found = network(inputs, mode='tensor')
    return sum(found[1:], found[0]) if isinstance(found, (list, tuple)) else found


@contextlib.contextmanager
def attacking(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, then each of its modules as it was (frozen ones stay in evaluation mode)."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
