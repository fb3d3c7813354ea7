"""What synthetic images are worth, beside the same figures of held-out real images: those of val.

Real images of train and val only: the test split is read once, by the final classifiers.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.core import crossed, images, sample_figures, statistics
from pipelines.core.sample_figures import Sample
from pipelines.openmm.engine.devices import repeatable
from pipelines.openmm.synth import inception, small_classifier

Files = Sequence[tuple[Path, int]]
MOST = 1000  # images in a two-sample test
SHOWN = 8
ROWS = ('held-out real', 'synthetic')


def top_k(classes: int) -> int:
    """How many of the best classes may hold an image's own for it to count as recognised: a twentieth, as 10 of 200.

    Source: SaSPA (Michaeli and Fried 2024, arXiv 2406.14551) keeps what is among the baseline's 10 best of CUB's 200.
    """
    return max(1, round(classes / 20))


@dataclass(frozen=True)
class Pixels:
    """Images at the classifier's size.

    Args:
        pixels: (N, 3, H, W) RGB uint8.
        labels: (N,).
    """
    pixels: Tensor
    labels: Tensor

    @classmethod
    def read(cls, files: Files) -> Pixels:
        return cls(small_classifier.load([path for path, _ in files]), torch.tensor([label for _, label in files]))

    def train(self, num_classes: int, *, steps: int, seed: int, title: str) -> small_classifier.Conv4:
        return small_classifier.train(self.pixels, self.labels, num_classes, steps=steps, seed=seed, title=title)


@dataclass(frozen=True)
class Judge:
    """Real images, and classifiers of them, that other images are seen with.

    Args:
        train, val: real images.
        num_classes: of both.
        steps: of 32 images, of every classifier's training.
        seed: the first of the classifiers'.
        seeds: how many there are; features are those of the first.
    """
    train: Pixels
    val: Pixels
    num_classes: int
    steps: int
    seed: int = 0
    seeds: int = sample_figures.SEEDS

    @classmethod
    def of(cls, train: Files, val: Files, num_classes: int, *, steps: int | None = None, seed: int = 0,
           seeds: int = sample_figures.SEEDS) -> Judge:
        """From files; ``steps`` None: ten times through train, at least 100."""
        return cls(Pixels.read(train), Pixels.read(val), num_classes, steps or max(100, 10 * len(train) // 32), seed,
                   seeds)

    def classifiers(self, data: Pixels, title: str, first: int = 0) -> list[small_classifier.Conv4]:
        return [data.train(self.num_classes, steps=self.steps, seed=self.seed + number,
                           title=f'classifier on {title}, {number + 1} of {self.seeds}')
                for number in range(first, self.seeds)]

    @cached_property
    def seeing(self) -> small_classifier.Conv4:
        """The classifier whose features are taken; of those of real images the first."""
        return replace(self, seeds=1).classifiers(self.train, 'real')[0]

    @cached_property
    def real(self) -> list[small_classifier.Conv4]:
        return [self.seeing, *self.classifiers(self.train, 'real', first=1)]

    def sample(self, data: Pixels) -> Sample:
        """Images in the features of the classifier of real images, in units of their root mean square on train."""
        pooled = small_classifier.run(self.seeing.embedding, data.pixels).double() / self.scale
        views = [small_classifier.run(self.seeing.plane, pixels).numpy() for pixels in (
            data.pixels, data.pixels.flip(3))]
        sharpness = sample_figures.sharpness(data.pixels.permute(0, 2, 3, 1).numpy())
        return Sample(pooled.numpy(), data.labels.numpy(), sharpness, np.stack(views))

    @cached_property
    def scale(self) -> float:
        return float(small_classifier.run(self.seeing.embedding, self.train.pixels).double().square().mean().sqrt())

    def ranks(self, data: Pixels) -> np.ndarray:
        """(N,) place of each image's class among the scores of the first classifier; 1 the best."""
        scores = small_classifier.run(self.seeing, data.pixels)
        return (1 + (scores > scores.gather(1, data.labels[:, None])).sum(dim=1)).numpy()

    def recognised(self, data: Pixels) -> float:
        return float((self.ranks(data) <= top_k(self.num_classes)).mean())

    @cached_property
    def samples(self) -> dict[str, Sample]:
        return dict(train=self.sample(self.train), val=self.sample(self.val))

    def look(self, pixels: Tensor, labels: Tensor) -> dict[str, Any]:
        """A quick look at images of a generator in training.

        Args:
            pixels: (N, 3, H, W) RGB uint8, at any size.
            labels: (N,).
        Returns:
            ``synthetic`` and ``held-out real``: the figures of `figures`; ``signs``: in words, what shows that the
            generator has failed.
        """
        shown = Pixels(torch.from_numpy(np.stack([
            images.fit(picture, small_classifier.SIDE) for picture in pixels.permute(0, 2, 3, 1).cpu().numpy()
        ])).permute(0, 3, 1, 2), labels.cpu())
        rows = figures(self.samples['train'], self.samples['val'], self.sample(shown))
        for name, data in zip(ROWS, (self.val, shown)):
            rows[name]['recognised'] = self.recognised(data)
        return dict(rows, signs=sample_figures.signs_of_collapse(rows[ROWS[1]], rows[ROWS[0]]))


def figures(train: Sample, val: Sample, synthetic: Sample) -> dict[str, dict[str, Any]]:
    """`sample_figures.compare` of held-out real and of synthetic images, with equal numbers of both; the first has
    ``kid_floor``, too."""
    size = min(len(train), len(val), len(synthetic), MOST)
    held, drawn = (np.bincount(one.labels, minlength=train.labels.max() + 1) for one in (val, synthetic))
    per_class = np.where(drawn, np.minimum(held, drawn), held).tolist()
    reference = sample_figures.compare(train, val, size=size, per_class=per_class)
    reference['kid_floor'] = sample_figures.kid_floor(train, len(val))
    return {ROWS[0]: reference, ROWS[1]: sample_figures.compare(train, synthetic, size=size, per_class=per_class,
                                                                quantile=reference['copy_distance'])}


def _accuracy(models: Sequence[small_classifier.Conv4], data: Pixels) -> dict[str, Any]:
    """``top1`` over seeds and images, and its 95 % ``interval``."""
    right = np.stack([(small_classifier.run(model, data.pixels).argmax(1) == data.labels).numpy() for model in models])
    found = crossed.mean(crossed.score(right))
    return dict(top1=round(found.value, 4), interval=[round(end, 4) for end in found.interval(statistics.ALPHA)])


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f'{value:.4g}') if isinstance(value, float) else value


@dataclass(frozen=True)
class Found:
    """What was measured of synthetic images.

    Args:
        metrics: ``accuracy``, ``figures``, ``signs`` and ``fid`` of docs/formats.md.
        ranks: (N,) `Judge.ranks` of each.
        nearest: the synthetic images that lie nearest to train, with the train image, and held-out ones likewise.
    """
    metrics: dict[str, Any]
    ranks: list[int]
    nearest: Mapping[str, list[tuple[Path, Path]]]


@repeatable(tf32=True)
def measure(real: Files, val: Files, synthetic: Files, *, num_classes: int, seed: int = 0, steps: int | None = None,
            inception_weights: Path | None = None) -> Found:
    """Args:
        real, val, synthetic: image files and labels; ``real`` are train crops.
        steps: of every classifier's training; None: see `Judge.of`.
        inception_weights: torch-fidelity's, for FID and the figures in Inception's features.
    """
    judge, drawn = Judge.of(real, val, num_classes, steps=steps, seed=seed), Pixels.read(synthetic)
    samples = dict(judge.samples, synthetic=judge.sample(drawn))
    rows = figures(*samples.values())
    for name, data in zip(ROWS, (judge.val, drawn)):
        rows[name] |= dict(recognised=judge.recognised(data), as_test=_accuracy(judge.real, data))
    rows[ROWS[0]]['as_train'] = rows[ROWS[0]]['as_test']
    rows[ROWS[1]]['as_train'] = _accuracy(judge.classifiers(drawn, 'synthetic'), judge.val)
    spaces = [dict(feature_space=small_classifier.FEATURES, rows=rows)]
    if inception_weights:
        spaces.append(_in_inception(dict(train=real, val=val, synthetic=synthetic), samples, inception_weights))
    metrics = dict(
        figures=spaces, signs=dict(collapse=sample_figures.signs_of_collapse(rows[ROWS[1]], rows[ROWS[0]]),
                                   copying=sample_figures.signs_of_copying(rows[ROWS[1]])),
        classifier=small_classifier.NAME, steps=judge.steps, seeds=judge.seeds, top_k=top_k(num_classes),
        chance=1 / num_classes, images=dict(train=len(real), val=len(val), synthetic=len(synthetic)),
        fid_note=f'FID by torch-fidelity, of {min(len(real), len(val), len(synthetic))} images of each kind'
        if inception_weights else 'FID was not measured: no Inception weights given (--inception)')
    paths = {name: [path for path, _ in files] for name, files in dict(val=val, synthetic=synthetic).items()}
    shown = min(SHOWN, *map(len, paths.values()))
    nearest = {row: _nearest(samples[name], samples['train'], paths[name], [path for path, _ in real])[:shown]
               for row, name in zip(ROWS, paths)}
    return Found(_rounded(metrics), judge.ranks(drawn).tolist(), nearest)


def _nearest(queries: Sample, train: Sample, paths: list[Path], real: list[Path]) -> list[tuple[Path, Path]]:
    distance, index = queries.closeness(train)
    return [(paths[i], real[index[i]]) for i in distance.argsort(kind='stable')]


def _in_inception(files: Mapping[str, Files], samples: Mapping[str, Sample], weights: Path) -> dict[str, Any]:
    """The figures in Inception's features, with FID of equal numbers of images."""
    side = max(images.size(files['synthetic'][0][0]))
    found = inception.features({name: [path for path, _ in part] for name, part in files.items()}, weights, side)
    train, val, synthetic = (Sample(found[name], one.labels, one.sharpness, found[name][None])
                             for name, one in samples.items())
    rows, size = figures(train, val, synthetic), min(map(len, (train, val, synthetic)))
    rng = np.random.default_rng(0)
    for name, one in zip(ROWS, (val, synthetic)):
        rows[name]['fid'] = inception.fid(*(part.features[rng.permutation(len(part))[:size]] for part in (train, one)))
    return dict(feature_space=inception.FEATURES, rows=rows)
