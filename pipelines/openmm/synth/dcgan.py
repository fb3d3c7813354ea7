"""A class-conditional DCGAN of mmagic's networks, as its own one knows no classes."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pipelines.openmm.compat import mmagic_import

mmagic_import.install()

from mmagic.models.editors.biggan import BigGAN  # noqa: E402
from mmagic.models.editors.dcgan import DCGAN, DCGANDiscriminator, DCGANGenerator  # noqa: E402
from mmagic.registry import MODELS  # noqa: E402


def _draw_weights(network: nn.Module) -> None:
    """DCGAN's: normal, of deviation 0.02. mmagic's own ends with an UnboundLocalError."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
            nn.init.zeros_(module.bias)


@MODELS.register_module()
class ClassDCGANGenerator(DCGANGenerator):
    """mmagic's generator of noise and an embedding of the class, side by side.

    Args:
        output_scale: side of the images in pixels.
        num_classes: of the images.
        noise_size: numbers of noise.
        embedding: numbers of a class.
        base_channels: at 4 x 4 pixels; each doubling of the side halves them.
    Source: Radford et al. 2016, DCGAN (arXiv 1511.06434); the class as in Mirza and Osindero 2014, Conditional GANs
        (arXiv 1411.1784).
    """

    def __init__(self, output_scale: int, num_classes: int, noise_size: int = 100, embedding: int = 32,
                 base_channels: int = 1024) -> None:
        super().__init__(output_scale, base_channels=base_channels, noise_size=noise_size + embedding)
        self.noise_size, self.num_classes = noise_size, num_classes
        self.label = nn.Embedding(num_classes, embedding)

    def forward(self, noise: Tensor, label: Tensor, num_batches: int = 0, return_noise: bool = False) -> Tensor:
        """(N, noise_size) and (N,) labels -> (N, 3, S, S) in [-1, 1]; mmagic hands the rest to every one."""
        both = torch.cat([noise, self.label(label).to(noise.dtype)], dim=1)[:, :, None, None]
        image: Tensor = self.output_layer(self.upsampling(self.noise2feat(both)))
        return image

    def init_weights(self) -> None:
        _draw_weights(self)


@MODELS.register_module()
class ClassDCGANDiscriminator(DCGANDiscriminator):
    """mmagic's discriminator with an output for each class, of which the image's own counts."""

    def __init__(self, input_scale: int, num_classes: int, base_channels: int = 128) -> None:
        super().__init__(input_scale, output_scale=4, out_channels=num_classes, base_channels=base_channels)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] and (N,) or (N, 1) labels -> (N, 1) logits of being real."""
        found: Tensor = super().forward(x).gather(1, label.view(-1, 1))
        return found

    def init_weights(self) -> None:
        _draw_weights(self)


@MODELS.register_module()
class ClassDCGAN(BigGAN):
    """DCGAN's loss (binary cross entropy) in the steps of mmagic's class-conditional GAN."""

    def disc_loss(self, disc_pred_fake: Tensor, disc_pred_real: Tensor) -> tuple[Tensor, dict[str, Any]]:
        found: tuple[Tensor, dict[str, Any]] = DCGAN.disc_loss(self, disc_pred_fake, disc_pred_real)
        return found

    def gen_loss(self, disc_pred_fake: Tensor) -> tuple[Tensor, dict[str, Any]]:
        found: tuple[Tensor, dict[str, Any]] = DCGAN.gen_loss(self, disc_pred_fake)
        return found
