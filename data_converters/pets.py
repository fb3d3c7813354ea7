"""Oxford-IIIT Pet (Parkhi et al., 2012; 37 breeds of cats and dogs): ``images/*.jpg`` and ``annotations/``.

``annotations/{trainval,test}.txt`` have rows "name class species breed"; the breed's name is what the file's name
begins with. Boxes are those of the body in ``trimaps/*.png`` (1 animal, 2 background, 3 border): ``xmls`` has heads,
and only of some images.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from data_converters import classes
from data_converters.reader import Reader
from data_converters.records import Entry, Index, Record, official_file
from data_converters.texts import lines
from pipelines.core import images
from pipelines.core.errors import DamagedError, InputError

_AGAIN = ('unpack images.tar.gz and annotations.tar.gz again; official files: '
          'https://www.robots.ox.ac.uk/~vgg/data/pets/')
_LISTS = dict(train='annotations/trainval.txt', test='annotations/test.txt')
_TRIMAPS = 'annotations/trimaps'
_BACKGROUND = 2


class Pets(Reader):
    layout = 'pets'
    shape = 'Oxford-IIIT Pet: images/ annotations/{trainval,test}.txt annotations/trimaps/'
    benchmark = True
    images = 'images'
    species = 'pet'
    remedy = _AGAIN

    def recognises(self, raw: Path) -> bool:
        return (raw / _LISTS['train']).is_file() and (raw / _TRIMAPS).is_dir()

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        rows: list[tuple[str, str, str]] = []
        breed_of: dict[str, str] = {}
        for split, name in _LISTS.items():
            for where, line in lines(root / name, _AGAIN):
                if line.startswith('#'):
                    continue
                stem, *numbers = line.split()
                breed = stem.rpartition('_')[0]
                if not breed or len(numbers) != 3 or breed_of.setdefault(numbers[0], breed) != breed:
                    raise InputError(where, expected='name, class, species and breed, and one class for a name',
                                     found=f'{line!r:.120}', remedy=_AGAIN)
                rows.append((official_file(f'{stem}.jpg', where), breed, split))
        if not rows:
            raise InputError(root, expected='rows in ' + ' and '.join(_LISTS.values()), found='none', remedy=_AGAIN)
        files, breeds, splits = zip(*rows)
        categories, labels = classes.labelled(breeds, str(root), self.species)
        return Index(categories, np.arange(1, len(rows) + 1), list(files), labels, np.array(splits),
                     read=tuple(_LISTS.values()))

    def annotations(self, root: Path, index: Index) -> dict[str, list[str]]:
        return {_TRIMAPS: [f'{file.removesuffix(".jpg")}.png' for file in index.files]}

    def record(self, root: Path, entry: Entry, annotation_only: bool = False) -> Record:
        """The image's size, and the box of all pixels of its trimap that are not background."""
        record = super().record(root, entry)
        path = root / _TRIMAPS / f'{entry.file.removesuffix(".jpg")}.png'
        animal = images.decode(path)[..., 0] != _BACKGROUND
        if animal.shape[::-1] != record.size or not animal.any():
            raise DamagedError(path, remedy=_AGAIN,
                               expected=f'an animal in {record.size[0]} x {record.size[1]} pixels',
                               found=f'{animal.shape[1]} x {animal.shape[0]} pixels, {int(animal.sum()):,} of it')
        rows, columns = np.flatnonzero(animal.any(axis=1)), np.flatnonzero(animal.any(axis=0))
        box = [[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]
        return record._replace(xyxy=np.array(box, float), source=f'{_TRIMAPS}/{path.name}')
