"""The page of an audit: suspect labels, confused pairs, hard images, near duplicates, what to annotate next."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core import coco, images
from pipelines.core.errors import InputError
from pipelines.core.rows import Images
from pipelines.reporting import templates
from pipelines.reporting.pictures import Photo, data_uri

_SIDE = 128  # pixels of a picture
_HARD, _PAIRS, _NEAR, _NEXT = 24, 20, 24, 24


def html(work: Path, found: Mapping[str, Any], suspects: int, unlabelled: Path | None = None) -> str:
    """The page.

    Args:
        work: WORK/DATASET.
        found: content of audit.json.
        suspects: so many are shown with pictures.
        unlabelled: folder of the photographs that were ranked.
    """
    files = {image_id: row['file_name'] for split in coco.read_splits(work / 'convert').values()
             for image_id, row in split.images.items()}
    by_id = {one['image_id']: one for one in found['images']}
    photo = _photos(work, found, by_id)
    shown = [dict(one, photos=[photo(one['image_id']), *map(photo, one['nearest'])])
             for one in found['images'][:suspects]]
    pairs = [dict(pair, photos=_of_pair(pair, found['images'], photo)) for pair in found['pairs'][:_PAIRS]]
    near = [dict(pair, photos=[_read(work / 'convert/images' / files[i]) for i in pair['image_ids']])
            for pair in found['near_duplicates'][:_NEAR]]
    following = [dict(one, photo=_cut(unlabelled / one['file'], one['box']))
                 for one in (found.get('unlabelled') or [])[:_NEXT] if unlabelled]
    return templates.render('audit.html.j2', found=found, dataset=work.absolute().name, shown=shown, pairs=pairs,
                            hardest=[dict(by_id[i], photo=photo(i)) for i in found['hardest'][:_HARD]], near=near,
                            following=following, kind=Images.parse(found['row'].partition('@')[2]).words)


def _photos(work: Path, found: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]
            ) -> Callable[[int | None], Photo]:
    """The crop of an image that was judged, read when it is asked for."""
    kept: dict[int | None, Photo] = {None: Photo(fault='no other image of this class')}

    def photo(image_id: int | None) -> Photo:
        if image_id not in kept:
            kept[image_id] = _read(work / 'crop' / by_id[int(image_id or 0)]['img_path'])
        return kept[image_id]

    return photo


def _of_pair(pair: Mapping[str, Any], judged: Sequence[Mapping[str, Any]], photo: Callable[[int | None], Photo]
             ) -> list[Photo]:
    """The two most confused images of a pair."""
    classes = {pair['first'], pair['second']}
    return [photo(one['image_id']) for one in judged if {one['given'], one['suggested']} == classes][:2]


def _read(path: Path) -> Photo:
    try:
        return Photo(data_uri(images.decode(path), _SIDE))
    except InputError as error:
        return Photo(fault=f'{path.name} cannot be shown: {error.parts["found"]}')


def _cut(path: Path, box: Sequence[float]) -> Photo:
    try:
        picture = images.read(path)
    except InputError as error:
        return Photo(fault=f'{path.name} cannot be shown: {error.parts["found"]}')
    x1, y1, x2, y2 = np.array(picture.shrunk(box)).reshape(4).round().astype(int).tolist()
    return Photo(data_uri(images.crop(picture.pixels, (x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))), _SIDE))
