"""Class-conditional rectified flow: a network learns the velocity of straight lines from noise to images."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.openmm.compat import mmagic_import
from pipelines.openmm.synth import flow_sampling, flow_unet  # noqa: F401  (the network registers itself)
from pipelines.openmm.synth.grids import SampleGridHook

mmagic_import.install()

from mmagic.registry import HOOKS, MODELS  # noqa: E402

SHIFT, SCALE = 0.125, 0.25  # the most that an augmentation moves, in sides, and scales, in octaves


def augment(images: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Move and scale a share of the images; beyond their borders they are mirrored.

    Args:
        images: (N, 3, H, W).
        share: of those that are changed.
    Returns:
        (N, 3, H, W); and (N, 3) in [-1, 1]: the shifts to the left and up over `SHIFT`, the enlargement over `SCALE`. A
        network that is told them learns of the changed images without drawing such ones: it is asked for zeros.
    Source: non-leaking augmentation, Karras et al. 2022, Elucidating the Design Space (arXiv 2206.00364), appendix F.2.
    """
    chosen = torch.rand(len(images), 1, device=images.device) < share
    amounts = (torch.rand(len(images), 3, device=images.device) * 2 - 1) * chosen
    zoom, nothing = torch.exp2(-SCALE * amounts[:, 2]), torch.zeros_like(amounts[:, 0])
    left, up = 2 * SHIFT * amounts[:, 0], 2 * SHIFT * amounts[:, 1]
    transforms = torch.stack([zoom, nothing, left, nothing, zoom, up], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(transforms, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode='reflection', align_corners=False)
    return torch.where(chosen[:, :, None, None], moved, images), amounts


@MODELS.register_module()
class RectifiedFlow(BaseModel):
    """A network trained by flow matching along straight lines; nothing of a step waits for its device.

    Args:
        generator: of the velocity, as `flow_unet.FlowUNet`.
        num_classes: of the images.
        hidden: share of the images whose class the network is not told, for guidance.
        augmented: share of the images that `augment` changes.
        data_preprocessor: mmagic's.
    Sources: Liu et al. 2022, Flow Straight and Fast (arXiv 2209.03003); Lipman et al. 2022, Flow Matching (arXiv
        2210.02747); times from a logistic normal: Esser et al. 2024, Scaling Rectified Flow Transformers (arXiv
        2403.03206), section 3.1; hidden classes: Ho and Salimans 2022, Classifier-Free Guidance (arXiv 2207.12598).
    """

    def __init__(self, generator: dict | nn.Module, num_classes: int, *, hidden: float = 0.1, augmented: float = 0.0,
                 data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor)
        self.generator = MODELS.build(generator, default_args=dict(num_classes=num_classes))
        self.num_classes, self.hidden, self.augmented = num_classes, hidden, augmented

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'loss') -> dict[str, Tensor]:
        """The loss of the images and labels of a batch; `flow_sampling` draws.

        Raises:
            ValueError: another mode.
        """
        if mode != 'loss':
            raise ValueError(f'a flow has no mode {mode}: flow_sampling draws from it')
        return self.loss(data_samples.gt_img, data_samples.gt_label.label.flatten())

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The mean squared error of the velocity at one random point of each image's line from noise.

        Args:
            images: (N, 3, H, W) in [-1, 1].
            labels: (N,).
        """
        images, amounts = augment(images, self.augmented) if self.augmented else (images, None)
        count, device = len(images), images.device
        noise = torch.randn_like(images)
        time = torch.randn(count, device=device).sigmoid()
        labels = torch.where(torch.rand(count, device=device) < self.hidden, self.num_classes, labels)
        point = torch.lerp(noise, images, time[:, None, None, None])
        return dict(loss=F.mse_loss(self.generator(point, time, labels, amounts), images - noise))


@HOOKS.register_module()
class FlowGridHook(SampleGridHook):
    """`SampleGridHook` for a flow: of the weights that mmengine's EMAHook averages, drawn as ``sampling`` says."""

    def pictures(self, runner: Any, labels: Sequence[int], seeds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        average = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module.generator
        settings = {name: runner.cfg.sampling[name] for name in ('steps', 'guidance') if name in runner.cfg.sampling}
        return flow_sampling.sample(average.eval(), labels, seeds, **settings)
