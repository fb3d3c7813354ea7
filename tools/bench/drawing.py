"""Pictures, and raw datasets of any size made of a few of them.

A picture is a scene of the toy datasets (gradients, texture on four scales, a few objects) with sensor noise of 3 grey
levels. A dataset of N images is hard links to a pool of 64 of them: no disk is filled, and every run works on files
that are in the page cache, so that computing is measured and not a disk.
"""
from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters import toy
from data_converters.toy_drawing import scenery
from pipelines.core import images
from pipelines.core.errors import InputError

POOL = 64
SUFFIXES = ('.jpg', '.jpeg')


def picture(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) RGB."""
    pixels = np.asarray(scenery(rng, width, height), np.float32)
    return (pixels + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


def pool(folder: Path, *, width: int, height: int, source: Path | None = None) -> list[Path]:
    """Up to `POOL` JPEGs to link to: drawn (quality 90, 4:2:0 as photographs are), or copied from all over ``source``.

    Raises:
        InputError: a source without JPEGs.
    """
    folder.mkdir(parents=True)
    if source is None:
        files = [folder / f'{number:02d}.jpg' for number in range(POOL)]
        for number, file in enumerate(files):
            drawn = picture(np.random.default_rng(number), width, height)
            file.write_bytes(images.encode_jpeg(drawn, 90, '420'))
        return files
    found = sorted(path for path in source.rglob('*') if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(f'--images {source}', expected='JPEGs', found='none', remedy='give a folder with images')
    chosen = [found[i * len(found) // POOL] for i in range(POOL)] if len(found) > POOL else found
    return [Path(shutil.copy(path, folder / f'{number:02d}.jpg')) for number, path in enumerate(chosen)]


def _boxes(files: Sequence[Path], count: int) -> NDArray[np.int64]:
    """(N, 4) xyxy in whole pixels, for links to ``files`` in turn; sides between a quarter and 3/4 of the image's."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0.25, 0.75, (count, 2))
    start = rng.uniform(0, 1, (count, 2)) * (1 - size)
    image_wh = np.array([images.size(file) for file in files])[np.arange(count) % len(files)]
    return np.concatenate([start * image_wh, (start + size) * image_wh], axis=1).astype(int)


def birds(raw: Path, files: Sequence[Path], count: int) -> Path:
    """CUB-200-2011's layout with ``count`` images: links to ``files``, half of them for training."""
    root = raw / 'CUB_200_2011'
    classes = min(200, count // 5)
    folders = [f'{label + 1:03d}.Species_{label + 1}' for label in range(classes)]
    for folder in folders:
        (root / 'images' / folder).mkdir(parents=True)
    with (open(root / 'images.txt', 'w') as names, open(root / 'bounding_boxes.txt', 'w') as box_rows,
          open(root / 'image_class_labels.txt', 'w') as labels, open(root / 'train_test_split.txt', 'w') as splits):
        for i, (x1, y1, x2, y2) in enumerate(_boxes(files, count).tolist()):
            label = i % classes
            name = f'{folders[label]}/Image_{i + 1:07d}.jpg'
            os.link(files[i % len(files)], root / 'images' / name)
            names.write(f'{i + 1} {name}\n')
            box_rows.write(f'{i + 1} {x1}.0 {y1}.0 {x2 - x1}.0 {y2 - y1}.0\n')
            labels.write(f'{i + 1} {label + 1}\n')
            splits.write(f'{i + 1} {i // classes % 2}\n')
    (root / 'classes.txt').write_text(''.join(f'{i + 1} {folder}\n' for i, folder in enumerate(folders)))
    return raw


def dogs(raw: Path, files: Sequence[Path], count: int) -> Path:
    """Stanford Dogs' layout with ``count`` images: the bytes of ``files``, one dog each, half of them for training."""
    raw.mkdir(parents=True)
    jpegs, sizes = [file.read_bytes() for file in files], [images.size(file) for file in files]
    toy.write_dogs([toy.Picture(i % 8, i // 8, i // 8 % 2 == 0, sizes[i % len(files)], box[None],
                                jpegs[i % len(files)])
                    for i, box in enumerate(_boxes(files, count))], raw)
    return raw
