"""Photos for the page: small JPEGs as data URIs, or a sentence on what is wrong with one."""
from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.core import images, lineage
from pipelines.core.errors import InputError

# Okabe and Ito's: told apart by the colour-blind, too
BOX_COLOURS = {'gt': images.ANNOTATED, **dict.fromkeys(lineage.DETECTED, images.DETECTED)}
_SOURCES = {'gt': 'annotated', 'det': 'detected', 'given': 'given', 'transferred': 'detected by another run',
            'fallback': 'whole image'}
_LARGE = 400_000  # bytes; sheets above this are shrunk
_KINDS = ('full', 'box', 'square')  # shown first
_MOST_KINDS = 6


@dataclass(frozen=True)
class Photo:
    """A picture, or what is wrong with it.

    Args:
        uri: of a JPEG; empty where there is none.
        fault: what is wrong, as a sentence.
    """
    uri: str = ''
    fault: str = ''


def data_uri(picture: np.ndarray, longer: int, quality: int = 82) -> str:
    """(H, W, 3) RGB -> a JPEG that is at most ``longer`` pixels on its longer side."""
    small = images.fit(picture, longer) if max(picture.shape[:2]) > longer else picture
    return 'data:image/jpeg;base64,' + base64.b64encode(images.encode_jpeg(small, quality)).decode()


def sheet(path: Path, stage: str) -> Photo:
    """A stage's picture sheet, its own bytes where these are small enough."""
    if not path.is_file():
        return Photo(fault=f'{path.name} is not there. Remove the folder {path.parent.name} and run make {stage}.')
    try:
        picture = images.decode(path)
    except InputError as error:
        return Photo(fault=f'{path.name} is damaged ({error.parts["found"]}). Remove the folder {path.parent.name} and '
                           f'run make {stage}.')
    if path.stat().st_size > _LARGE:
        return Photo(data_uri(picture, 1400, 80))
    return Photo('data:image/jpeg;base64,' + base64.b64encode(path.read_bytes()).decode())


def _boxed(picture: np.ndarray, xyxy: np.ndarray | None, colour: tuple[int, int, int], longer: int) -> np.ndarray:
    """The picture, shrunk, with a box of its own frame drawn on it."""
    scale = min(longer / max(picture.shape[:2]), 1)
    small = images.fit(picture, longer) if scale < 1 else picture
    return images.draw_boxes(small, xyxy * scale, colour, 3) if xyxy is not None else small


def _kinds(folder: Path) -> list[str]:
    """The kinds of crop that there are lists of."""
    found = {path.stem.rpartition('_')[0] for path in folder.glob('*_train.json')}
    return sorted(found, key=lambda kind: (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), kind))[:_MOST_KINDS]


def crop_samples(folder: Path, per_split: int = 4, longer: int = 200) -> list[dict]:
    """The same images in every kind of crop, evenly spread over train and test.

    Args:
        folder: of crop.
    Returns:
        rows with ``split``, ``source`` of the box in words, ``score``, ``uris`` by kind, on the full image with the box
        drawn, and ``fault``, which says what is wrong where a picture cannot be read.
    """
    kinds, samples = _kinds(folder), []
    for split in ('train', 'test'):
        lists = {kind: folder / f'{kind}_{split}.json' for kind in kinds}
        rows = {kind: {row['image_id']: row for row in lineage.read_list(path)[1]}
                for kind, path in lists.items() if path.is_file()}
        shared = [i for i in next(iter(rows.values()), ()) if all(i in by_id for by_id in rows.values())]
        picks = np.unique(np.linspace(0, len(shared) - 1, per_split).round().astype(int)) if shared else []
        samples += [_sample(folder, split, {kind: by_id[shared[i]] for kind, by_id in rows.items()}, longer)
                    for i in picks]
    return samples


def _sample(folder: Path, split: str, rows: dict[str, dict], longer: int) -> dict:
    cut = next((row for kind, row in rows.items() if kind != 'full'), rows[next(iter(rows))])
    sample = dict(split=split, source=_SOURCES.get(cut['box_source'], cut['box_source']), score=cut.get('score'),
                  uris={}, fault='')
    for kind, row in rows.items():
        try:
            read = images.read(folder / row['img_path'])
        except InputError as error:
            sample['fault'] = (f'{row["img_path"]} of crop cannot be shown: {error.parts["found"]}. '
                               'Run make crop again, where the images are.')
            return sample
        picture, box = read.pixels, cut.get('box')
        if kind == 'full':
            colour = BOX_COLOURS.get(cut['box_source'], (136, 136, 136))
            picture = _boxed(picture, read.shrunk(box) if box else None, colour, longer)
        sample['uris'][kind] = data_uri(picture, longer)
    return sample
