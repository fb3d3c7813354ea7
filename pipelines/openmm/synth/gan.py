"""What the generators' configs need beyond mmagic: the dataset and DiffAugment here, the rest by import."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from torch import Tensor

from pipelines.core.images import fit
from pipelines.openmm.compat import mmagic_import  # noqa: F401  (a hook registers itself)
from pipelines.openmm.synth import (  # noqa: F401  (they register themselves)
    biggan_few,
    collapse,
    dcgan,
    flow,
    gan_transfer,
    grids,
    spectral_norm,
)

mmagic_import.install()

from mmagic.models.editors.biggan import BigGANDeepDiscriminator  # noqa: E402
from mmagic.registry import DATASETS, HOOKS, MODELS, TRANSFORMS  # noqa: E402

spectral_norm.install()


@DATASETS.register_module()
class CropList(BaseDataset):
    """An annotation list of the crop stage; mmagic's BasicConditionalDataset reads only ``{path: label}``."""

    def parse_data_info(self, raw_data_info: dict) -> dict:
        row = super().parse_data_info(raw_data_info)
        return dict(gt_path=row['img_path'], gt_label=row['gt_label'])


@TRANSFORMS.register_module()
class FitCrop(BaseTransform):
    """Resize the square image ``gt`` as crops are resized; mmagic's Resize shrinks and grows by one interpolation.

    Args:
        size: side in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def transform(self, results: dict) -> dict:
        return dict(results, gt=fit(results['gt'], self.size))


def brightness_saturation_contrast(images: Tensor) -> Tensor:
    """Shift brightness by up to 0.5, scale saturation by 0 to 2 and contrast by 0.5 to 1.5, per image."""
    amount = torch.rand(3, len(images), 1, 1, 1, device=images.device, dtype=images.dtype)
    images = images + (amount[0] - 0.5)
    mean = images.mean(dim=1, keepdim=True)
    images = (images - mean) * (amount[1] * 2) + mean
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * (amount[2] + 0.5) + mean


def translation(images: Tensor, ratio: float = 0.125) -> Tensor:
    """Shift each image by up to a share of its side, filling with zeros."""
    count, _, height, width = images.shape
    reach = [round(side * ratio) for side in (height, width)]
    padded = F.pad(images, (reach[1], reach[1], reach[0], reach[0]))
    rows, columns = (torch.randint(0, 2 * far + 1, (count, 1), device=images.device)
                     + torch.arange(side, device=images.device) for far, side in zip(reach, (height, width)))
    batch = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor, ratio: float = 0.5) -> Tensor:
    """Blank a square of a share of the side about a random pixel of each image."""
    half = round(images.shape[-1] * ratio) // 2
    inside = []
    for side in images.shape[-2:]:
        centre = torch.randint(0, side, (len(images), 1), device=images.device)
        inside.append((torch.arange(side, device=images.device) - centre).abs() < half)
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(hole, 0)


AUGMENTATIONS = dict(color=brightness_saturation_contrast, translation=translation, cutout=cutout)


@MODELS.register_module()
class DiffAugmentBigGANDeepDiscriminator(BigGANDeepDiscriminator):
    """BigGAN-deep's discriminator that sees real and generated images through the same kinds of random augmentation.

    It also takes the (N, 1) labels that mmagic 1.2.0 stacks for real images: its own class broadcasts them against the
    (N, C) features to (N, N, C) and trains on that without an error.

    Args:
        augment: names from `AUGMENTATIONS`, applied in this order while training; empty for none.
    Source: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training (arXiv 2006.10738).
    """

    def __init__(self, *args: Any, augment: Sequence[str] = ('color', 'translation', 'cutout'),
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.augment = [AUGMENTATIONS[name] for name in augment]

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, 3, H, W) in [-1, 1] and (N,) or (N, 1) labels -> (N, 1) realness."""
        if self.training:
            for augmentation in self.augment:
                x = augmentation(x)
        return super().forward(x, None if label is None else label.flatten())


@HOOKS.register_module()
class LoaderSeedHook(Hook):
    """Give the data loader a generator of its own for its workers' seed.

    Otherwise a loader takes one number from torch's global generator when its iterator is made: in a resumed run after
    the generator's state was restored, so that its noise would be another than that of a run without interruption.
    """

    def before_train(self, runner: Any) -> None:
        runner.train_dataloader.generator = torch.Generator().manual_seed(runner.seed)
