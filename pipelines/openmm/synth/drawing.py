"""A generator as the synth stage sees it: trained on crops, and drawn from; without torch until it works."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import fingerprint, seconds, shards

_SHARD = 4  # batches: the most that an interrupted sampling does twice


def image_seed(seed: int, label: int, index: int) -> int:
    """Of an image: other for each class, and the same however many images are asked for."""
    return (seed * 1000 + label) * 100_000 + index


@dataclass(frozen=True)
class Gan:
    """A generator: its config, the crops it is for, and where its weights are.

    Args:
        config: an mmagic config.
        crops: a crop folder.
        classes: of the crops, by label.
        weights: the state dict of the GAN or of its generator alone.
        options: ``key=value`` overrides of the config.
        gpus: processes to train and sample with.
    """
    config: Path
    crops: Path
    classes: list[str]
    weights: Path
    options: tuple[str, ...] = ()
    gpus: int = 1

    def load(self) -> Any:
        from pipelines.openmm.engine import config, threads
        from pipelines.openmm.synth import gan_sampling
        threads.set_threads(self.gpus)
        cfg = config.load(self.config, data_root=self.crops, num_classes=len(self.classes), options=self.options)
        gan_sampling.precision(cfg)
        return cfg

    def train(self, folder: Path, *, seed: int) -> None:
        from pipelines.openmm.engine import as_built, lint, training
        cfg = self.load()
        lint.check([self.config], data_root=self.crops, categories=lint.named(self.classes), work=self.crops.parent,
                   gpus=self.gpus, options=self.options)
        as_built.check(cfg, dict(train=['square_train.json']))
        training.train(cfg, folder, seed=seed, title='[synth] train', gpus=self.gpus)


@dataclass(frozen=True)
class Drawing:
    """Which images are drawn, and how.

    Args:
        images_per_class: how many.
        seed: of the images, with class and number.
        format: ``jpg`` or ``png``.
        quality: of JPEG.
        batch: images sampled together.
        standing_batches: batches of 64 to average batch norm over before sampling; 0: the averages of the training.
    """
    images_per_class: int
    seed: int
    format: str
    quality: int
    batch: int
    standing_batches: int

    def rows(self, gan: Gan) -> list[dict]:
        """Class after class, so that a beginning of the list is balanced."""
        digest = fingerprint.sha256(gan.weights)
        return [dict(img_path=f'images/{name}/{number}.{self.format}', gt_label=label, split='train',
                     box_source='synthetic', generator=digest, seed=number)
                for index in range(self.images_per_class) for label, name in enumerate(gan.classes)
                for number in [image_seed(self.seed, label, index)]]

    def draw(self, folder: Path, gan: Gan) -> list[dict]:
        """Write the images; their rows, with the SHA-256 of each."""
        rows = self.rows(gan)
        network = (gan.config.absolute(), gan.crops.absolute(), len(gan.classes), gan.options, gan.weights.absolute())
        with seconds.part(folder, 'sampling', images=len(rows)):
            write_images(folder.absolute(), rows, network, quality=self.quality, batch=self.batch,
                         standing_batches=self.standing_batches, gpus=gan.gpus)
        for row, digest in zip(rows, fingerprint.sha256_of(folder / row['img_path'] for row in rows)):
            row['sha256'] = digest
        return rows


def write_images(folder: Path, rows: list[dict], network: tuple, *, quality: int, batch: int, standing_batches: int,
                 gpus: int = 1) -> None:
    """Sample the images of a list, or go on with it, by so many processes.

    Args:
        folder: absolute; gets the images, and scratch in hidden folders.
        rows: of the list.
        network: `gan_sampling.Network`.
    """
    from pipelines.openmm.synth import gan_sampling
    statistics = folder / '.standing' / 'statistics.json' if standing_batches else None
    if statistics and not statistics.exists():
        statistics.parent.mkdir(exist_ok=True)
        gan_sampling.write_standing_statistics(statistics, network, batches=standing_batches)
    try:
        shards.run(gan_sampling.draw, rows, (folder, quality, batch, network, statistics), folder / '.shards',
                   size=_SHARD * batch, total=len(rows), title='synth: sample',
                   engine=shards.Engine(gpus, option='--gpus'))
    finally:
        gan_sampling.release()
