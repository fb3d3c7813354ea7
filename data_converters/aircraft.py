"""FGVC-Aircraft (Maji et al., 2013; 100 variants, 10,000 images): ``data/images/*.jpg`` and ``data/images_*.txt``.

Train, val and test are official. Boxes (``images_box.txt``: id xmin ymin xmax ymax) are inclusive, from pixel 1 on.
Names of variants have blanks and slashes. Every photograph has a banner of 20 pixels at the bottom, below all boxes.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from data_converters import classes
from data_converters.reader import Reader
from data_converters.records import Index, official_file
from data_converters.texts import lines
from pipelines.core.errors import InputError

_AGAIN = ('unpack fgvc-aircraft-2013b.tar.gz again; official files: '
          'https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/')
_SPLITS = {split: f'images_variant_{split}.txt' for split in ('train', 'val', 'test')}
_BOXES = 'images_box.txt'


def _boxes(path: Path) -> dict[str, list[int]]:
    """By image, left, top, right and bottom, half-open, from 0 on."""
    found: dict[str, list[int]] = {}
    for where, line in lines(path, _AGAIN):
        name, *cells = line.split()
        try:
            x1, y1, x2, y2 = map(int, cells)
        except ValueError:
            x1, y1, x2, y2 = 0, 0, -1, -1
        if not (0 < x1 <= x2 < 1e6 and 0 < y1 <= y2 < 1e6) or name in found:
            raise InputError(where, expected='a new image, then xmin ymin xmax ymax from 1 on', found=f'{line!r:.120}',
                             remedy=_AGAIN)
        found[name] = [x1 - 1, y1 - 1, x2, y2]
    return found


class Aircraft(Reader):
    layout = 'aircraft'
    shape = 'FGVC-Aircraft: data/images/, images_variant_{train,val,test}.txt, images_box.txt'
    benchmark = True
    images = 'images'
    species = 'aircraft'
    remedy = _AGAIN

    def recognises(self, raw: Path) -> bool:
        return (self._root(raw) / _SPLITS['test']).is_file()

    def _root(self, raw: Path) -> Path:
        return raw / 'data' if (raw / 'data').is_dir() else raw

    def locate(self, raw: Path, annotation_only: bool = False) -> tuple[Path, dict[str, Path]]:
        return super().locate(self._root(raw), annotation_only)

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        boxed, rows = _boxes(root / _BOXES), []
        for split, name in _SPLITS.items():
            for where, line in lines(root / name, _AGAIN):
                image, _, variant = line.partition(' ')
                if not variant or image not in boxed:
                    raise InputError(where, expected=f'an image of {_BOXES} and its variant', found=f'{line!r:.120}',
                                     remedy=_AGAIN)
                rows.append((official_file(f'{image}.jpg', where), classes.folder_name(variant), split, boxed[image]))
        if not rows:
            raise InputError(root, expected='rows in ' + ', '.join(_SPLITS.values()), found='none', remedy=_AGAIN)
        files, variants, splits, xyxy = zip(*rows)
        categories, labels = classes.labelled(variants, str(root), self.species)
        return Index(categories, np.arange(1, len(rows) + 1), list(files), labels, np.array(splits),
                     np.array(xyxy, float), source=_BOXES, read=(*_SPLITS.values(), _BOXES))
