"""What chroma subsampling does to crops of 4:2:0 photographs, in decibels (PSNR) and bytes.

    python -m tools.bench.chroma --images /data/StanfordDogs/Images

A photograph shrunk to half its size stands for the truth, as that has chroma for each of its pixels. It is written as a
4:2:0 JPEG, read with its chroma interpolated (as viewers do) or repeated (as crop does), cut, shrunk, and written as a
crop of 4:2:0 or 4:4:4; what a viewer then shows is compared with the same cut of the truth. It ends with a table in
Markdown.
"""
from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines.core import images
from pipelines.core.errors import InputError, command
from tools.bench.drawing import SUFFIXES

SCALES = (1, 0.75, 0.5, 0.3)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels, of pictures of 8 bits."""
    return float(10 * np.log10(255 ** 2 / np.square(a.astype(float) - b).mean()))


def measure(path: Path, scratch: Path, rng: np.random.Generator) -> dict[tuple[float, bool, str], tuple[float, int]]:
    """By scale, whether chroma was interpolated, and the crop's subsampling: decibels and bytes."""
    truth = images.fit(images.decode(path), max(images.size(path)) // 2)
    scratch.write_bytes(images.encode_jpeg(truth, 92, '420'))
    read = {smooth: images.read(scratch, smooth=smooth)[0] for smooth in (True, False)}
    size = np.array(truth.shape[1::-1])
    cut = rng.integers(size // 2, size)
    start = rng.integers(0, size - cut + 1)
    area, found = [*start.tolist(), *(start + cut).tolist()], {}
    for scale, smooth, sampling in itertools.product(SCALES, read, ('420', '444')):
        longer = round(max(cut) * scale)
        crop = images.encode_jpeg(images.fit(images.crop(read[smooth], area), longer), 95, sampling)
        scratch.write_bytes(crop)
        found[scale, smooth, sampling] = (
            psnr(images.decode(scratch), images.fit(images.crop(truth, area), longer)), len(crop))
    return found


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('tools.bench.chroma', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=Path, required=True, metavar='FOLDER', help='photographs: JPEGs')
    parser.add_argument('--count', type=int, default=100, help='the most of them to take; default: %(default)s')
    args = parser.parse_args(argv)
    files = sorted(path for path in args.images.rglob('*') if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(args.images, expected='JPEGs', found='none', remedy='give a folder with photographs')
    chosen, rng, found = files[::-(-len(files) // args.count)], np.random.default_rng(0), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for path in tqdm(chosen, desc='[chroma]', unit='img', dynamic_ncols=True):
            for case, numbers in measure(path, Path(folder) / 'a.jpg', rng).items():
                found[case].append(numbers)
    print(f'{len(chosen)} photographs\n\n| crop, shrunk to | 4:2:0, interpolated | 4:2:0, repeated '
          '| 4:4:4, interpolated | 4:4:4, repeated | bytes of 4:4:4 |\n|---|---|---|---|---|---|')
    for scale in SCALES:
        decibels, size = np.array([[np.mean(found[scale, smooth, sampling], axis=0) for smooth in (True, False)]
                                   for sampling in ('420', '444')]).reshape(4, 2).T
        print(f'| {scale:.0%} | ' + ' | '.join(f'{value:.2f} dB' for value in decibels)
              + f' | {size[3] / size[1]:.2f}x of 4:2:0 |')


if __name__ == '__main__':
    sys.exit(main())
