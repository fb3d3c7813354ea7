"""Figures for synthetic images that need no downloaded network, and FID for those who have Inception.

Real images of train and val only: the test split is read once, by the final classifiers.
"""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from pipelines.core import images
from pipelines.core.errors import InputError
from pipelines.openmm.engine.devices import device, repeatable
from pipelines.openmm.weights import loading as weight_files

SIDE = 64
CLASSIFIER = f'Conv-4 (32 channels) at {SIDE} px'
FEATURES = f'the 32 pooled activations of {CLASSIFIER}, trained on the real train crops'


class Conv4(nn.Sequential):
    """Four blocks of 3x3 convolution, batch norm, ReLU and max pooling, averaged over the plane; then a linear layer.

    Source: the embedding network of Vinyals et al. 2016 and Snell et al. 2017, with 32 channels.
    """

    def __init__(self, num_classes: int, channels: int = 32) -> None:
        blocks = [nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
                                nn.ReLU(), nn.MaxPool2d(2)) for inputs in (3, channels, channels, channels)]
        super().__init__(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def load(paths: Sequence[Path], side: int = SIDE) -> Tensor:
    """(N, 3, side, side) RGB uint8 of square images."""
    from tqdm import tqdm

    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda path: images.fit(images.decode(path), side), paths)
        pixels = list(tqdm(read, '[synth] read', len(paths), unit='img', leave=False, dynamic_ncols=True))
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


def _normalise(pixels: Tensor) -> Tensor:
    return pixels.to(device()).float() / 127.5 - 1


def train_classifier(pixels: Tensor, labels: Tensor, num_classes: int, *, steps: int, seed: int, batch: int = 32,
                     title: str = 'train') -> Conv4:
    """Train `Conv4` with Adam, one learning rate cycle, flips and shifts by up to 4 pixels.

    Args:
        pixels: (N, 3, H, W) uint8.
        labels: (N,).
    """
    from tqdm import trange

    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Conv4(num_classes).to(device()).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    for _ in trange(steps, desc=f'[synth] {title}', leave=False, dynamic_ncols=True):
        chosen = torch.randint(len(pixels), (batch,), generator=source)
        flipped = torch.rand(batch, generator=source) < 0.5
        top, left = torch.randint(0, 9, (2,), generator=source).tolist()
        x = torch.where(flipped[:, None, None, None], pixels[chosen].flip(3), pixels[chosen])
        x = F.pad(_normalise(x), (4, 4, 4, 4), mode='reflect')
        x = x[..., top:top + pixels.shape[2], left:left + pixels.shape[3]]
        loss = F.cross_entropy(model(x), labels[chosen].to(device()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def run(model: nn.Module, pixels: Tensor, batch: int = 256) -> Tensor:
    """The network's (N, C) outputs."""
    return torch.cat([model(_normalise(part)).cpu() for part in pixels.split(batch)])


def accuracy(model: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """Share of images whose highest output is their label's."""
    return float((run(model, pixels).argmax(1) == labels).float().mean())


def _radii(features: Tensor, k: int) -> Tensor:
    """(N,) distance to the k-th nearest other row."""
    return torch.cat([torch.cdist(part, features).kthvalue(k + 1, dim=1).values for part in features.split(1024)])


def _covered(queries: Tensor, features: Tensor, radii: Tensor) -> float:
    inside = [(torch.cdist(part, features) <= radii).any(1) for part in queries.split(1024)]
    return float(torch.cat(inside).float().mean())


def precision_recall(real: Tensor, synthetic: Tensor, k: int = 3) -> tuple[float, float]:
    """Share of synthetic rows inside the real manifold, and of real rows inside the synthetic one.

    A manifold is the union of balls about its rows that reach to the k-th nearest other row.

    Args:
        real: (N, D) features.
        synthetic: (M, D) features; the figures compare best where M = N.
    Raises:
        ValueError: not more than k rows.
    Source: Kynkäänniemi et al. 2019, Improved Precision and Recall (arXiv 1904.06991).
    """
    if min(len(real), len(synthetic)) <= k:
        raise ValueError(f'precision and recall with k={k} need more than {k} images of each kind')
    real, synthetic = (features.to(device(), torch.double) for features in (real, synthetic))
    return _covered(synthetic, real, _radii(real, k)), _covered(real, synthetic, _radii(synthetic, k))


class _Pictures(Dataset):
    """(3, side, side) RGB uint8 of square images, one at a time."""

    def __init__(self, paths: Sequence[Path], side: int) -> None:
        self.paths, self.side = paths, side

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(images.fit(images.decode(self.paths[index]), self.side)).permute(2, 0, 1).contiguous()


def fid(real: Sequence[Path], synthetic: Sequence[Path], weights: Path) -> float:
    """Fréchet Inception distance at the resolution of the synthetic images, by torch-fidelity.

    Args:
        weights: its ``weights-inception-2015-12-05-6726825d.pth``, those of the papers.
    Raises:
        InputError: other weights.
    Source: Heusel et al. 2017 (arXiv 1706.08500).
    """
    from torch_fidelity import calculate_metrics

    weight_files.load(weights)  # the package would execute what is in it
    side = max(images.size(synthetic[0]))
    try:
        found = calculate_metrics(input1=_Pictures(real, side), input2=_Pictures(synthetic, side), fid=True,
                                  feature_extractor_weights_path=str(weights), cuda=device() != 'cpu',
                                  save_cpu_ram=True, verbose=False)
    except RuntimeError as error:
        if 'state_dict' not in str(error):
            raise
        raise InputError(weights, expected="torch-fidelity's Inception weights",
                         found=' '.join(str(error).split()[:20]),
                         remedy='give weights-inception-2015-12-05-6726825d.pth, or leave --inception out') from None
    return max(found['frechet_inception_distance'], 0.0)


@repeatable(tf32=True)
def measure(real: list[tuple[Path, int]], val: list[tuple[Path, int]], synthetic: list[tuple[Path, int]], *,
            num_classes: int, seed: int = 0, steps: int | None = None, k: int = 3, inception: Path | None = None
            ) -> dict:
    """The ``train_on_synthetic``, ``precision_recall`` and ``fid`` of docs/formats.md.

    Args:
        real, val, synthetic: image files and labels; ``real`` are train crops.
        steps: of the two classifiers' training, the same for both; None: ten times through ``real``, at least 300.
        inception: torch-fidelity's Inception weights, for FID.
    """
    steps = steps or max(300, 10 * len(real) // 32)
    data = {name: (load([path for path, _ in rows]), torch.tensor([label for _, label in rows]))
            for name, rows in dict(real=real, val=val, synthetic=synthetic).items()}
    models = {name: train_classifier(*data[name], num_classes, steps=steps, seed=seed, title=f'classifier on {name}')
              for name in ('real', 'synthetic')}
    count = min(len(real), len(synthetic))
    source = torch.Generator().manual_seed(seed)
    embedding = nn.Sequential(*list(models['real'])[:-1])
    features = [run(embedding, data[name][0][torch.randperm(len(data[name][0]), generator=source)[:count]])
                for name in ('real', 'synthetic')]
    precision, recall = precision_recall(features[0], features[1], k=k)
    return dict(
        train_on_synthetic=dict(
            top1=round(accuracy(models['synthetic'], *data['val']), 4),
            real_top1=round(accuracy(models['real'], *data['val']), 4), chance=round(1 / num_classes, 4),
            evaluated_on='val', images=len(val), classifier=CLASSIFIER, steps=steps),
        precision_recall=dict(precision=round(precision, 4), recall=round(recall, 4), k=k, feature_space=FEATURES,
                              real=count, synthetic=count),
        fid=round(fid([path for path, _ in real], [path for path, _ in synthetic], inception), 3)
        if inception else None,
        fid_note=f'by torch-fidelity; {len(real)} real and {len(synthetic)} synthetic images' if inception
        else 'FID was not measured: no Inception weights given (--inception)')
