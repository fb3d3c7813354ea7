"""Figures for synthetic images that need no downloaded network, and FID for those who have Inception's weights.

Real images of train and val only: the test split is read once, by the final classifiers.
"""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.core import images
from pipelines.core.errors import InputError
from pipelines.openmm.engine.devices import device, repeatable

SIDE = 64
CLASSIFIER = f'Conv-4 (32 channels) at {SIDE} px'
FEATURES = f'the 32 pooled activations of {CLASSIFIER}, trained on the real train crops'
FID_NOTE = 'torchvision Inception v3, not comparable to the TensorFlow Inception FID of papers'


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


def frechet_distance(mean_a: NDArray, covariance_a: NDArray, mean_b: NDArray, covariance_b: NDArray) -> float:
    """Squared Fréchet distance of two Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2).

    Source: Dowson and Landau 1982; Heusel et al. 2017 (arXiv 1706.08500).
    """
    from scipy.linalg import sqrtm

    root = np.real(sqrtm(covariance_a @ covariance_b))
    difference = mean_a - mean_b
    return float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.trace(root))


def fid(real: Sequence[Path], synthetic: Sequence[Path], weights: Path) -> float:
    """Fréchet distance of torchvision Inception v3's 2048 pooled activations at 299 px.

    Raises:
        InputError: weights that are not torchvision's ``inception_v3``.
    """
    from torchvision.models import inception_v3

    from pipelines.openmm.weights import loading as weight_files
    network = inception_v3(weights=None, aux_logits=True, transform_input=True, init_weights=False)
    try:
        network.load_state_dict(weight_files.load(weights))
    except (RuntimeError, AttributeError) as error:
        raise InputError(weights, expected="a state dict of torchvision's inception_v3",
                         found=' '.join(str(error).split()[:20]),
                         remedy='give inception_v3_google-0cc3c7bd.pth, or leave --inception out') from None
    network.fc = nn.Identity()
    network.to(device()).eval()
    imagenet = torch.tensor([(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)], device=device())
    mean, deviation = imagenet[..., None, None]

    @torch.no_grad()
    def statistics(paths: Sequence[Path]) -> tuple[NDArray, NDArray]:
        rows = []
        for start in range(0, len(paths), 64):
            pixels = load(paths[start:start + 64], 299).to(device()).float() / 255
            rows.append(network((pixels - mean) / deviation).double().cpu().numpy())
        features = np.concatenate(rows)
        return features.mean(0), np.cov(features, rowvar=False)

    return max(frechet_distance(*statistics(real), *statistics(synthetic)), 0.0)


@repeatable(tf32=True)
def measure(real: list[tuple[Path, int]], val: list[tuple[Path, int]], synthetic: list[tuple[Path, int]], *,
            num_classes: int, seed: int = 0, steps: int | None = None, k: int = 3, inception: Path | None = None
            ) -> dict:
    """The ``train_on_synthetic``, ``precision_recall`` and ``fid`` of docs/formats.md.

    Args:
        real, val, synthetic: image files and labels; ``real`` are train crops.
        steps: of the two classifiers' training, the same for both; None: ten times through ``real``, at least 300.
        inception: torchvision's ``inception_v3`` weights, for FID.
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
        fid_note=f'{FID_NOTE}; {len(real)} real and {len(synthetic)} synthetic images' if inception
        else 'FID was not measured: no Inception weights given (--inception)')
