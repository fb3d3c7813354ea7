"""Draw a toy dataset in the raw layout of Stanford Dogs (toy-dogs) or CUB-200-2011 (toy-birds).

The kinds differ in fine details only (ears, coat, tail, legs; beak, crest, wing bars, tail). Pose, place, size,
colours, light and background are drawn at random whatever the kind, and a lone animal's box covers 8 to 30 % of the
picture, so that a crop helps. About 15 % of the toy-dogs images hold two dogs of one breed; CUB has one box per image,
so a toy-birds image holds one bird. Equal seeds give equal bytes.

    python -m data_converters.toy --out raw                       # dogs
    python -m data_converters.toy --dataset toy-birds --out raw

Written:
    toy-dogs    Images/<wnid>-<breed>/*.jpg  Annotation/<wnid>-<breed>/*  lists/{file,train,test}_list.mat
    toy-birds   CUB_200_2011/images/<class>/*.jpg
                CUB_200_2011/{images,bounding_boxes,image_class_labels,train_test_split,classes}.txt
"""
from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_converters import toy_animals
from data_converters.toy_drawing import Part, rasterise, scenery
from pipelines.core import images, manifest
from pipelines.core.arguments import a_seed, whole
from pipelines.core.errors import InputError, command

DATASETS = ('toy-dogs', 'toy-birds')


@dataclass(frozen=True)
class Picture:
    """A drawn image. ``boxes`` is (N, 4) xyxy, half-open; ``kind`` a 0-based class."""
    kind: int
    number: int
    train: bool
    size: tuple[int, int]
    boxes: NDArray[np.int64]
    jpeg: bytes


def draw(kind: int, number: int, train: bool, draw_animal: Callable[[np.random.Generator], list[Part]], *,
         seed: int, two: bool) -> Picture:
    """One picture; the boxes are those of the pixels that an animal covers by half or more."""
    rng = np.random.default_rng([seed, kind, number])
    width, height = int(rng.integers(176, 209)), int(rng.integers(132, 157))
    picture, boxes, taken = scenery(rng, width, height), [], np.zeros((height, width), bool)
    for _ in range(2 if two else 1):
        parts = draw_animal(rng)
        points = np.concatenate([part.points for part in parts if not part.marking])
        extent = points.max(axis=0) - points.min(axis=0)
        share = rng.uniform(0.06, 0.13) if two else rng.uniform(0.08, 0.30)
        scale = min(math.sqrt(share * width * height / extent.prod()), *((width - 6, height - 6) / extent))
        animal, mask = rasterise(parts, scale, rng)
        for _attempt in range(30):
            x, y = (int(rng.integers(0, limit + 1)) for limit in (width - animal.width, height - animal.height))
            if not taken[y:y + animal.height, x:x + animal.width].any():
                break
        else:
            continue
        ys, xs = np.nonzero(np.asarray(mask) >= 128)
        boxes.append((x + xs.min(), y + ys.min(), x + xs.max() + 1, y + ys.max() + 1))
        taken[y:y + animal.height, x:x + animal.width] = True
        picture.paste(animal, (x, y), mask)
    pixels = _light(np.asarray(picture, np.float32), rng)
    return Picture(kind, number, train, (width, height), np.array(boxes), images.encode_jpeg(pixels, 90))


def _light(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure, colour cast and sensor noise of the whole picture."""
    cast = rng.uniform(0.72, 1.15) * rng.uniform(0.94, 1.06, 3)
    lit: NDArray[np.float64] = pixels * cast + rng.normal(0, 3, pixels.shape)
    return lit.clip(0, 255).astype(np.uint8)


_XML = """<annotation>
\t<folder>{folder}</folder>
\t<filename>{filename}</filename>
\t<source>
\t\t<database>toy</database>
\t</source>
\t<size>
\t\t<width>{width}</width>
\t\t<height>{height}</height>
\t\t<depth>3</depth>
\t</size>
\t<segment>0</segment>
{objects}
</annotation>"""
_OBJECT = """\t<object>
\t\t<name>{name}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>0</difficult>
\t\t<bndbox>
\t\t\t<xmin>{x1}</xmin>
\t\t\t<ymin>{y1}</ymin>
\t\t\t<xmax>{x2}</xmax>
\t\t\t<ymax>{y2}</ymax>
\t\t</bndbox>
\t</object>"""


def _write_mat(path: Path, files: list[str], labels: list[int]) -> None:
    from scipy.io import savemat

    def column(rows: list[str]) -> NDArray[np.object_]:
        cells = np.empty((len(rows), 1), object)
        cells[:, 0] = rows
        return cells

    stream = io.BytesIO()
    savemat(stream, dict(file_list=column(files), annotation_list=column([f.removesuffix('.jpg') for f in files]),
                         labels=np.array(labels, float)[:, None]))
    # scipy stamps the time of day into the 116 bytes of free text that a .mat file starts with
    path.write_bytes(b'MATLAB 5.0 MAT-file, drawn by data_converters.toy'.ljust(116) + stream.getvalue()[116:])


def write_dogs(pictures: list[Picture], out: Path) -> None:
    """Stanford Dogs' layout. As in the original, about 3 % of the XML files say ``%s`` for folder and file name."""
    rows: dict[str, list[tuple[str, int]]] = dict(file=[], train=[], test=[])
    for picture in pictures:
        name, wnid = toy_animals.DOGS[picture.kind].name, f'n{90000001 + picture.kind}'
        folder, stem = f'{wnid}-{name}', f'{wnid}_{picture.number + 1}'
        for parent in ('Images', 'Annotation'):
            (out / parent / folder).mkdir(parents=True, exist_ok=True)
        (out / 'Images' / folder / f'{stem}.jpg').write_bytes(picture.jpeg)
        objects = '\n'.join(_OBJECT.format(name=name, x1=x1, y1=y1, x2=x2 - 1, y2=y2 - 1)
                            for x1, y1, x2, y2 in picture.boxes.tolist())
        odd = picture.number % 32 == 5
        (out / 'Annotation' / folder / stem).write_text(_XML.format(
            folder='%s' if odd else wnid[1:], filename='%s' if odd else stem, width=picture.size[0],
            height=picture.size[1], objects=objects))
        for key in ('file', 'train' if picture.train else 'test'):
            rows[key].append((f'{folder}/{stem}.jpg', picture.kind + 1))
    (out / 'lists').mkdir()
    for key, pairs in rows.items():
        _write_mat(out / 'lists' / f'{key}_list.mat', [f for f, _ in pairs], [label for _, label in pairs])


def _write_birds(pictures: list[Picture], out: Path) -> None:
    """CUB-200-2011's layout: one line per image in each text file, by the image's id."""
    root = out / 'CUB_200_2011'
    lines: dict[str, list[str]] = {key: [] for key in (
        'images', 'bounding_boxes', 'image_class_labels', 'train_test_split', 'classes')}
    for number, picture in enumerate(pictures, start=1):
        name = toy_animals.BIRDS[picture.kind].name
        folder = f'{picture.kind + 1:03d}.{name}'
        if not (root / 'images' / folder).exists():
            (root / 'images' / folder).mkdir(parents=True)
            lines['classes'].append(f'{picture.kind + 1} {folder}')
        file = f'{folder}/{name}_{picture.number + 1:04d}_{9000 + number}.jpg'
        (root / 'images' / file).write_bytes(picture.jpeg)
        x1, y1, x2, y2 = picture.boxes[0].tolist()
        lines['images'].append(f'{number} {file}')
        lines['bounding_boxes'].append(f'{number} {x1:.1f} {y1:.1f} {x2 - x1:.1f} {y2 - y1:.1f}')
        lines['image_class_labels'].append(f'{number} {picture.kind + 1}')
        lines['train_test_split'].append(f'{number} {int(picture.train)}')
    for key, rows in lines.items():
        (root / f'{key}.txt').write_text('\n'.join(rows) + '\n')


def toy(dataset: str, out: Path, *, seed: int = 0, classes: int = 6, train: int = 60, test: int = 20) -> bool:
    """Draw a toy dataset.

    Args:
        dataset: ``toy-dogs`` or ``toy-birds``.
        classes: how many of the 8 kinds.
        train, test: images per class.
    Returns:
        whether anything was drawn.
    """
    if dataset not in DATASETS:
        raise InputError('--dataset', expected=' or '.join(DATASETS), found=dataset, remedy='choose one of these')
    for option, value, low, high in (('--classes', classes, 2, 8), ('--train', train, 2, 9999),
                                     ('--test', test, 1, 9999)):
        if not low <= value <= high:
            raise InputError(option, expected=f'{low} to {high}', found=str(value),
                             remedy='choose a number in that range')
    dogs = dataset == 'toy-dogs'
    drawing = ([partial(toy_animals.draw_dog, kind) for kind in toy_animals.DOGS] if dogs else
               [partial(toy_animals.draw_bird, kind) for kind in toy_animals.BIRDS])

    def build(folder: Path) -> None:
        from tqdm import tqdm

        jobs = [(kind, number) for kind in range(classes) for number in range(train + test)]
        pictures = [draw(kind, number, number < train, drawing[kind], seed=seed,
                         two=dogs and (number + kind) % 7 == 3)
                    for kind, number in tqdm(jobs, desc='drawing', unit='image')]
        (write_dogs if dogs else _write_birds)(pictures, folder)

    return manifest.produce(out, 'toy', dict(dataset=dataset, seed=seed, classes=classes, train=train, test=test), {},
                            build, packages=('numpy', 'pillow', 'simplejpeg'))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser('data_converters.toy', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dataset', default='toy-dogs', help='toy-dogs or toy-birds; default: toy-dogs')
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--seed', type=a_seed, default=0, help='default: 0')
    parser.add_argument('--classes', type=whole(2, 8), default=6, help='2 to 8; default: 6')
    parser.add_argument('--train', type=whole(1), default=60, help='training images per class; default: 60')
    parser.add_argument('--test', type=whole(1), default=20, help='test images per class; default: 20')
    args = parser.parse_args(argv)
    toy(args.dataset, args.out, seed=args.seed, classes=args.classes, train=args.train, test=args.test)


if __name__ == '__main__':
    sys.exit(main())
