"""Boxes from a file, put to the images of a dataset: matched by name, checked against the images' sizes."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import boxes, names
from pipelines.core.box_files import BoxFile
from pipelines.core.errors import InputError

CATEGORY = 1  # category_id of boxes that name no class
MOST_LEAVING = 0.05  # of the boxes: more are a wrong format, fewer are careless annotations, which are cut
_EDGE = 0.02  # of the image's side: less is rounding


@dataclass(frozen=True)
class Given:
    """What came of a file.

    Args:
        results: COCO results, by image id, best score first, of equals the largest; ``source`` is ``given``.
        facts: ``format``, ``boxes``, ``images`` (with a box), ``clipped``, ``dropped``, ``unknown_images`` (names that
            the dataset has not) and up to three of those as ``unknown_examples``.
    """
    results: list[dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)


class _Names:
    """Images by name: whole, or the end of it where that says which; extensions and upper case do not count."""

    def __init__(self, files: Mapping[int, str]) -> None:
        self.whole = {names.key(name): image_id for image_id, name in files.items()}
        self.ends: dict[str, int | None] = {}
        for key, image_id in self.whole.items():
            for end in _ends(key):
                self.ends[end] = None if end in self.ends else image_id

    def find(self, name: str) -> int | None:
        """Raises LookupError where the name fits several images."""
        key = names.key(name.replace('\\', '/'))
        if key in self.whole:
            return self.whole[key]
        for end in _ends(key):
            if end in self.ends:
                if self.ends[end] is None:
                    raise LookupError(name)
                return self.ends[end]
        return None


def _ends(key: str) -> Iterable[str]:
    """``a/b/c``, ``b/c``, ``c``."""
    parts = key.split('/')
    return ('/'.join(parts[start:]) for start in range(len(parts)))


def _matched(path: Path, found: BoxFile, files: Mapping[int, str]) -> dict[str | int, int]:
    """By the file's names of images, the ids of the dataset's.

    Raises:
        InputError: no name is an image's, a name fits several images, or several names fit one.
    """
    known, matched = _Names(files), dict[str | int, int]()
    of: dict[int, str | int] = {}
    for image in dict.fromkeys(row.image for row in found.rows):
        try:
            image_id = (image if image in files else None) if isinstance(image, int) else known.find(image)
        except LookupError:
            raise InputError(path, expected='names that say which image is meant', found=f'{image}, which the names of '
                             'several images end in', remedy='write names with their folders') from None
        if image_id is not None:
            if (other := of.setdefault(image_id, image)) != image:
                raise InputError(path, expected='one name for each image', remedy='write names with their folders, as '
                                 'the dataset has them', found=f'{other} and {image}, both for {files[image_id]}')
            matched[image] = image_id
    if unknown := [image for image in dict.fromkeys(row.image for row in found.rows)
                   if isinstance(image, int) and image not in files]:
        raise InputError(path, expected='image ids as convert gave them', remedy='give file_name in place of image_id',
                         found=f'{len(unknown):,} others, as {", ".join(map(str, unknown[:3]))}')
    if not matched:
        examples = list(dict.fromkeys(row.image for row in found.rows))
        raise InputError(path, expected=f'boxes of the {len(files):,} images of this dataset, as '
                         f'{next(iter(files.values()))}', remedy='name the images as the dataset does',
                         found=f'{len(examples):,} other images, as {", ".join(map(str, examples[:3]))}')
    return matched


def _check(path: Path, found: BoxFile, xywh: NDArray[np.float64], image_wh: NDArray[np.int64], where: list[str]
           ) -> None:
    """Refuse boxes of which so many leave their images that they are of another kind.

    Args:
        xywh: (N, 4) pixels.
    Raises:
        InputError: normalised, xyxy, of the unturned picture, or of other images.
    """
    if not found.shares and xywh.max() <= 1:
        raise InputError(path, expected='boxes in pixels', found=f'{len(xywh):,} boxes of numbers from 0 to 1, which '
                         'are shares of the image', remedy='multiply by width and height, or give YOLO labels or '
                         'MegaDetector JSON')
    edge = _EDGE * image_wh
    corners = boxes.xywh_to_xyxy(xywh)
    leaves = np.any((corners[:, :2] < -edge) | (corners[:, 2:] > image_wh + edge), axis=1)
    if leaves.mean() <= MOST_LEAVING:
        return
    first, share = int(leaves.argmax()), f'{leaves.sum():,} of {len(leaves):,} ({leaves.mean():.0%})'
    as_xyxy = np.all((xywh[:, 2:] > xywh[:, :2]) & (xywh[:, 2:] <= image_wh + edge) & (xywh[:, :2] >= -edge), axis=1)
    turned = np.all((corners[:, :2] >= -edge) & (corners[:, 2:] <= image_wh[:, ::-1] + edge[:, ::-1]), axis=1)
    place = f'{path}, {where[first]}'
    if found.shares:
        raise InputError(place, expected='numbers from 0 to 1, as shares of the image', remedy='divide by width and '
                         'height, or give a CSV file in pixels', found=f'boxes that leave the image: {share}')
    if as_xyxy.mean() > 1 - MOST_LEAVING:
        raise InputError(place, expected='x, y, width, height', found='what looks like left, top, right, bottom: '
                         f'{share} boxes leave their image, and none does when read so', remedy='subtract x from the '
                         'third and y from the fourth number')
    if turned[leaves].mean() > 1 - MOST_LEAVING:
        raise InputError(place, expected='boxes in the frame that a viewer shows, Exif orientation applied',
                         found=f'{share} that leave the image, and would fit into the one that is stored unturned',
                         remedy='turn them as the photographs are turned')
    width, height = image_wh[first]
    raise InputError(place, expected=f'boxes inside the images, all but {MOST_LEAVING:.0%} of them',
                     found=f'{share} that leave them, as {xywh[first].round(1).tolist()} (xywh) in {width} x {height} '
                     'pixels', remedy='see whether they are of these images, and in pixels of their whole size')


def to_results(path: Path, found: BoxFile, images: Mapping[int, dict[str, Any]]) -> Given:
    """Boxes of a file as COCO results of a dataset.

    Args:
        images: by id, rows with ``file_name``, ``width``, ``height``.
    Raises:
        InputError: they do not fit the dataset, see `_matched` and `_check`.
    """
    ids = _matched(path, found, {image_id: row['file_name'] for image_id, row in images.items()})
    rows = [row for row in found.rows if row.image in ids]
    image_wh = np.array([(images[ids[row.image]]['width'], images[ids[row.image]]['height']) for row in rows])
    xywh = np.array([row.xywh for row in rows]) * (np.tile(image_wh, 2) if found.shares else 1)
    _check(path, found, xywh, image_wh, [row.where for row in rows])
    corners = boxes.xywh_to_xyxy(xywh)
    inside = boxes.clip(corners, image_wh)
    cut = boxes.xyxy_to_xywh(inside).round(2).tolist()
    results = [dict(image_id=ids[row.image], category_id=CATEGORY, bbox=box, score=round(float(row.score), 5),
                    source='given') for row, box in zip(rows, cut) if min(box[2:]) > 0]
    results.sort(key=lambda row: (row['image_id'], -row['score'], -row['bbox'][2] * row['bbox'][3]))
    unknown = [image for image in dict.fromkeys(row.image for row in found.rows) if image not in ids]
    return Given(results, dict(
        format=found.form, boxes=len(found.rows), images=len({row['image_id'] for row in results}),
        clipped=int(((np.abs(inside - corners) > 0.5).any(axis=1) & (boxes.area(inside) > 0)).sum()),
        dropped=len(rows) - len(results), unknown_images=len(unknown), unknown_examples=list(map(str, unknown[:3]))))
