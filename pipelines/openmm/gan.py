"""What the GAN configs need beyond mmagic: the dataset, DiffAugment, sample grids, sampling from recorded seeds."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.core.errors import InputError
from pipelines.openmm import mmagic_import

mmagic_import.install()

from mmagic.models.editors.biggan import BigGANDeepDiscriminator  # noqa: E402
from mmagic.registry import DATASETS, HOOKS, MODELS  # noqa: E402


@DATASETS.register_module()
class CropList(BaseDataset):
    """An annotation list of the crop stage; mmagic's BasicConditionalDataset reads only ``{path: label}``."""

    def parse_data_info(self, raw_data_info: dict) -> dict:
        row = super().parse_data_info(raw_data_info)
        return dict(gt_path=row['img_path'], gt_label=row['gt_label'])


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

    def __init__(self, *args, augment: Sequence[str] = ('color', 'translation', 'cutout'), **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.augment = [AUGMENTATIONS[name] for name in augment]

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """(N, 3, H, W) in [-1, 1] and (N,) or (N, 1) labels -> (N, 1) realness."""
        if self.training:
            for augmentation in self.augment:
                x = augmentation(x)
        return super().forward(x, None if label is None else label.flatten())


def noise(seeds: Iterable[int], size: int) -> Tensor:
    """(N, size): a row depends on its seed alone."""
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds])


def to_rgb(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) BGR in [-1, 1], as mmagic trains -> (N, H, W, 3) RGB."""
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.flip(1).permute(0, 2, 3, 1).contiguous().cpu().numpy()


@torch.no_grad()
def sample(generator: nn.Module, labels: Sequence[int], seeds: Sequence[int], *, batch: int = 64
           ) -> Iterator[NDArray[np.uint8]]:
    """One (H, W, 3) RGB image per (label, seed).

    In float64 (`load_generator`) neither the batch nor the number of threads shows in the rounded pixels; in float32 a
    pixel can differ by one level.
    """
    generator.eval()
    dtype = next(generator.parameters()).dtype
    for start in range(0, len(seeds), batch):
        part = slice(start, start + batch)
        z = noise(seeds[part], generator.noise_size).to(dtype)
        yield from to_rgb(generator(z, label=torch.as_tensor(labels[part]), return_noise=False))


@torch.no_grad()
def set_standing_statistics(generator: nn.Module, *, batches: int, batch: int = 64, seed: int = 0) -> None:
    """Replace the running averages of batch norm by means over generated batches.

    The averages that training leaves belong to the raw generator, not to its exponential moving average.

    Source: Brock et al. 2019, Large Scale GAN Training (arXiv 1809.11096), appendix D, "standing statistics".
    """
    norms = [module for module in generator.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    generator.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
        norm.train()
    source, dtype = torch.Generator().manual_seed(seed), next(generator.parameters()).dtype
    for _ in range(batches):
        z = torch.randn(batch, generator.noise_size, generator=source).to(dtype)
        generator(z, label=torch.randint(generator.num_classes, (batch,), generator=source), return_noise=False)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    generator.eval()


@HOOKS.register_module()
class SampleGridHook(Hook):
    """Write the same latent vectors' images every k iterations, to ``samples/`` in the log folder and to TensorBoard.

    Args:
        interval: iterations between grids; one more is written at the end.
        columns: images per row, one class each; classes beyond are left out.
        rows: latent vectors per class.
    """

    def __init__(self, interval: int, columns: int = 8, rows: int = 4) -> None:
        self.interval, self.columns, self.rows = interval, columns, rows

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self.write(runner)

    def write(self, runner) -> None:
        from mmengine.dist import is_main_process
        from PIL import Image

        if not is_main_process():
            return
        model = getattr(runner.model, 'module', runner.model)
        generator = model.generator_ema.module
        columns = min(self.columns, model.num_classes)
        was_training = generator.training
        images = np.stack(list(sample(generator, list(range(columns)) * self.rows, range(self.rows * columns))))
        generator.train(was_training)
        rows, side = images.reshape(self.rows, columns, *images.shape[1:]), images.shape[1]
        grid = rows.transpose(0, 2, 1, 3, 4).reshape(self.rows * side, columns * side, 3)
        folder = Path(runner.work_dir) / 'samples'
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid).save(folder / f'{runner.iter + 1:06d}.jpg', quality=95)
        runner.visualizer.add_image('samples', grid, step=runner.iter + 1)


def load_generator(cfg: Config, state: Mapping[str, Any]) -> nn.Module:
    """A config's generator with weights, in float64, on the GPU where there is one.

    Args:
        state: a state dict (or checkpoint) of a whole GAN, whose moving average is taken where it has one, or of a
            generator alone.
    Raises:
        InputError: weights of another network.
    """
    state = state.get('state_dict', state)
    for prefix in ('generator_ema.module.', 'generator.'):
        if any(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            break
    generator = MODELS.build({**cfg.model.generator, 'num_classes': cfg.model.num_classes})
    try:
        generator.load_state_dict(state)
    except RuntimeError as error:
        raise InputError('generator weights', expected=f'the network of {Path(cfg.filename).name}',
                         found='; '.join(str(error).split('\n')[1:3]).strip() or str(error),
                         remedy='give the config that the weights were trained with') from None
    return generator.double().to('cuda' if torch.cuda.is_available() else 'cpu').eval()
