"""Photos for the page: small JPEGs as data URIs."""
from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipelines.core import images
from pipelines.reporting.found import Found

BOX_COLOURS = {'gt': '#2a9d5c', 'det': '#e08a00'}
_LARGE = 400_000  # bytes; sheets above this are shrunk


def data_uri(picture: np.ndarray, longer: int, quality: int = 82) -> str:
    """(H, W, 3) RGB -> a JPEG that is at most ``longer`` pixels on its longer side."""
    small = images.fit(picture, longer) if max(picture.shape[:2]) > longer else picture
    return 'data:image/jpeg;base64,' + base64.b64encode(images.encode_jpeg(small, quality)).decode()


def sheet(path: Path) -> str | None:
    """A stage's picture sheet, its own bytes where these are small enough; None where it is not there."""
    if not path.exists():
        return None
    if path.stat().st_size > _LARGE:
        return data_uri(images.decode(path), 1400, 80)
    return 'data:image/jpeg;base64,' + base64.b64encode(path.read_bytes()).decode()


def _boxed(picture: np.ndarray, xyxy: list[float] | None, colour: str, longer: int) -> np.ndarray:
    """The picture, shrunk, with a box of its own frame drawn on it."""
    scale = min(longer / max(picture.shape[:2]), 1)
    canvas = Image.fromarray(images.fit(picture, longer) if scale < 1 else picture)
    if xyxy is not None:
        ImageDraw.Draw(canvas).rectangle([value * scale for value in xyxy], outline=colour, width=3)
    return np.asarray(canvas)


def crop_samples(found: Found, per_split: int = 4, longer: int = 200) -> list[dict]:
    """The same images as full with the box drawn, box crop and square crop, evenly spread over train and test.

    Returns:
        rows with ``split``, ``box_source``, ``score`` and the three data URIs ``full``, ``box``, ``square``.
    """
    folder, samples = found.root / 'crop', []
    for split in ('train', 'test'):
        rows = {mode: {row['image_id']: row for row in found.lists.get((mode, split), [])}
                for mode in ('full', 'box', 'square')}
        shared = [i for i in rows['full'] if i in rows['box'] and i in rows['square']]
        picks = np.unique(np.linspace(0, len(shared) - 1, per_split).round().astype(int)) if shared else []
        for image_id in (shared[i] for i in picks):
            box = rows['box'][image_id]
            pictures = {mode: images.decode(folder / rows[mode][image_id]['img_path']) for mode in rows}
            pictures['full'] = _boxed(pictures['full'], box.get('box'), BOX_COLOURS.get(box['box_source'], '#888888'),
                                      longer)
            uris = {mode: data_uri(picture, longer) for mode, picture in pictures.items()}
            samples.append(dict(uris, split=split, box_source=box['box_source'], score=box.get('score')))
    return samples
