"""BigGAN for sets of few images: LeCam regularisation, and a start without classes."""
from __future__ import annotations

from typing import Any

import torch
from mmengine import MessageHub
from torch import Tensor, nn

from pipelines.openmm.compat import mmagic_import

mmagic_import.install()

from mmagic.models.editors.biggan import BigGAN  # noqa: E402
from mmagic.registry import MODELS  # noqa: E402


def lecam(real: Tensor, fake: Tensor, mean_real: Tensor, mean_fake: Tensor) -> Tensor:
    """How far a discriminator's predictions lie from the moving averages of those on the other kind of images.

    Args:
        real, fake: (N, 1) predictions.
        mean_real, mean_fake: their averages.
    Source: Tseng et al. 2021, Regularizing GANs under Limited Data (arXiv 2104.03310), equation 6.
    """
    return (real - mean_fake).square().mean() + (fake - mean_real).square().mean()


@MODELS.register_module()
class FewImagesBigGAN(BigGAN):
    """mmagic's BigGAN with what helps on few images; without either argument it is mmagic's.

    Args:
        lecam_weight: of `lecam` in the discriminator's loss.
        lecam_start: the first iteration with it; averages are kept from the beginning.
        lecam_decay: of the averages.
        conditional_from, conditional_to: iterations between which the classes' embeddings, of generator and
            discriminator, grow linearly from nothing to themselves; 0, 0: there from the beginning. Shahbazi et al.
            2022, Collapse by Conditioning (arXiv 2201.06578), section 4, for an architecture that adds an embedding.
    """

    def __init__(self, *args: Any, lecam_weight: float = 0.0, lecam_start: int = 0, lecam_decay: float = 0.99,
                 conditional_from: int = 0, conditional_to: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= conditional_from <= conditional_to:
            raise ValueError(f'classes grow from iteration {conditional_from} to {conditional_to}')
        self.lecam_weight, self.lecam_start, self.lecam_decay = lecam_weight, lecam_start, lecam_decay
        self.conditional_from, self.conditional_to = conditional_from, conditional_to
        self.register_buffer('mean_real', torch.zeros(()))
        self.register_buffer('mean_fake', torch.zeros(()))
        if conditional_to:
            average = [self.generator_ema.module] if self.with_ema_gen else []
            for embedding in (*(part.shared_embedding for part in (self.generator, *average)),
                              self.discriminator.proj_y):
                embedding.register_forward_hook(self._grow)

    @staticmethod
    def _iteration() -> int:
        return int(MessageHub.get_current_instance().get_info('iter', 0))

    def class_share(self) -> float:
        """How much of the classes' embeddings is there, in [0, 1]."""
        grown = self._iteration() - self.conditional_from
        return min(1.0, max(0.0, grown / max(1, self.conditional_to - self.conditional_from)))

    def _grow(self, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return output * self.class_share()

    def disc_loss(self, disc_pred_fake: Tensor, disc_pred_real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The hinge loss, and `lecam`."""
        loss, logged = super().disc_loss(disc_pred_fake, disc_pred_real)
        if self.lecam_weight:
            with torch.no_grad():
                self.mean_real.lerp_(disc_pred_real.mean(), 1 - self.lecam_decay)
                self.mean_fake.lerp_(disc_pred_fake.mean(), 1 - self.lecam_decay)
            if self._iteration() >= self.lecam_start:
                added = self.lecam_weight * lecam(disc_pred_real, disc_pred_fake, self.mean_real, self.mean_fake)
                loss = loss + added
                logged.update(loss=loss, loss_lecam=added)
        return loss, logged
