"""Drawing the images of a recipe: which ones, spread over processes, and their list; without torch until it works."""
from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import fingerprint, images, seconds, shards

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipelines.openmm.synth.generators import Generator
    from pipelines.openmm.synth.recipes import Recipe

_ENCODERS = 4  # threads of a process: 0.4 ms for a JPEG of 256 px, so a GPU at 4,000 images/s keeps two of them busy


def image_seed(seed: int, label: int, index: int) -> int:
    """Of an image: other for each class, and the same however many images are asked for."""
    return (seed * 1000 + label) * 100_000 + index


@dataclass(frozen=True)
class Drawing:
    """Which images are drawn, and how they are written.

    Args:
        images_per_class: how many.
        seed: of the images, with class and number.
        format: ``jpg`` or ``png``.
        quality: of JPEG.
    """
    images_per_class: int
    seed: int
    format: str
    quality: int

    def rows(self, recipe: Recipe, generator: Generator) -> list[dict]:
        """Class after class, so that a beginning of the list is balanced."""
        digest = recipe.digest
        return [dict(img_path=f'images/{name}/{number}.{self.format}', gt_label=label, split='train',
                     box_source='synthetic', generator=digest, seed=number, **generator.lineage(label, number))
                for index in range(self.images_per_class) for label, name in enumerate(recipe.classes)
                for number in [image_seed(self.seed, label, index)]]

    def draw(self, folder: Path, recipe: Recipe) -> list[dict]:
        """Write the images; their rows, with the SHA-256 of each."""
        rows = self.rows(recipe, recipe.generator())
        with seconds.part(folder, 'sampling', images=len(rows)):
            write_images(folder.absolute(), rows, recipe.absolute(), quality=self.quality)
        for row, digest in zip(rows, fingerprint.sha256_of(folder / row['img_path'] for row in rows)):
            row['sha256'] = digest
        return rows


def write_images(folder: Path, rows: list[dict], recipe: Recipe, *, quality: int) -> None:
    """Draw the images of a list, or go on with it, by as many processes as the generator takes.

    Args:
        folder: absolute; gets the images, and scratch in hidden folders.
        rows: of the list.
    """
    generator = recipe.generator()
    generator.prepare(folder)
    try:
        shards.run(_write, rows, (folder, quality, recipe), folder / '.shards', size=generator.shard, total=len(rows),
                   title='synth: sample', engine=generator.engine())
    finally:
        _open.cache_clear()  # the next recipe may have other weights under the same path
        generator.release()


@functools.lru_cache(maxsize=1)
def _open(recipe: Recipe) -> Generator:
    return recipe.generator()


def _write(rows: list[dict], folder: Path, quality: int, recipe: Recipe) -> int:
    """Write a few images: what `shards.run` spreads over processes.

    Args:
        rows: ``img_path`` (below ``folder``, .jpg or .png), ``gt_label`` and ``seed`` of each.
        quality: of JPEG.
    Returns:
        how many.
    """
    def write(row: dict, picture: NDArray[np.uint8]) -> None:
        path = folder / row['img_path']
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode_png(picture) if path.suffix == '.png' else
                         images.encode_jpeg(picture, quality))

    labels, seeds = ([row[key] for row in rows] for key in ('gt_label', 'seed'))
    with ThreadPoolExecutor(_ENCODERS) as pool:  # while the next one is drawn
        return sum(1 for _ in pool.map(write, rows, _open(recipe).draw(labels, seeds, folder)))
