"""COCO files of any length, an image at a time: what crop needs to stay small over a million of them."""
from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.core import boxes, coco_rows
from pipelines.core.coco import SPLITS
from pipelines.core.errors import InputError
from pipelines.core.names import key

_AGAIN = 'run the convert stage again (make convert)'
_DEPTH = 16
_VALUES = frozenset(('null', 'boolean', 'integer', 'double', 'number', 'string'))  # ijson's events


@dataclass(frozen=True)
class Images:
    """All images of a dataset, by id in rising order.

    Args:
        ids: (N,).
        sizes: (N, 2) width and height in pixels.
    """
    ids: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def position(self, image_id: int) -> int | None:
        i = int(np.searchsorted(self.ids, image_id))
        return i if i < len(self.ids) and self.ids[i] == image_id else None


@contextlib.contextmanager
def _opened(path: Path, expected: str, remedy: str) -> Iterator[BinaryIO]:
    import ijson

    try:
        with path.open('rb') as stream:
            yield stream
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(path, expected=expected, found='nothing', remedy=remedy) from None
    except (ijson.JSONError, ValueError, OverflowError) as error:
        line = str(error).split('\n')[0]
        raise InputError(path, expected=expected, found=f'{type(error).__name__}: {line}', remedy=remedy) from None


@contextlib.contextmanager
def _items(path: Path, prefix: str, expected: str, remedy: str) -> Iterator[Iterator[Any]]:
    import ijson

    with _opened(path, expected, remedy) as stream:
        yield ijson.items(stream, prefix, use_float=True)


def _check_shape(path: Path, lists: tuple[str, ...], expected: str, remedy: str) -> None:
    """What ijson's items do not tell: they end without a word where a list is missing, and merge what is there twice.

    Args:
        lists: names of the lists that the file's object has to have; none: the file is a list itself.
    Raises:
        InputError: another file, a name twice in an object, or lists in lists without end, which ijson needs memory
            for by the square of their depth.
    """
    import ijson

    open_objects: list[set[str]] = []  # and lists: the names in each
    names: set[str] = set()  # of the innermost
    shape: dict[str, str] = {}
    name = ''
    with _opened(path, expected, remedy) as stream:
        for event, value in ijson.basic_parse(stream, use_float=True):
            if event in _VALUES:
                continue
            if event == 'map_key':
                if value in names:
                    raise InputError(path, expected=expected, found=f'{value!r:.80} twice in one object', remedy=remedy)
                names.add(value)
                name = value
            elif event.startswith('start'):
                if not open_objects:
                    shape[''] = event
                elif len(open_objects) == 1 and name:
                    shape[name] = event
                open_objects.append(names)
                names = set()
                if len(open_objects) > _DEPTH:
                    raise InputError(path, expected=expected, found=f'more than {_DEPTH} lists in lists', remedy=remedy)
            else:
                names = open_objects.pop()
    wanted = {'': 'start_map', **dict.fromkeys(lists, 'start_array')} if lists else {'': 'start_array'}
    if wrong := [name or 'the whole' for name, event in wanted.items() if shape.get(name) != event]:
        raise InputError(path, expected=expected, found=f'another {wrong[0]}', remedy=remedy)


def categories(path: Path) -> list[dict[str, Any]]:
    """The categories of a COCO file, by id; at once where they come first, as convert writes them."""
    with _items(path, 'categories', 'a COCO file', _AGAIN) as found:
        return coco_rows.categories(next(found, None), path)


def images(folder: Path) -> Images:
    """The images of train, val and test of a convert folder.

    Raises:
        InputError: a file that is no COCO file; a wrong row (`coco_rows`); other categories than train's; an image, by
            id or file name, that is there twice.
    """
    for split in SPLITS:
        _check_shape(folder / f'{split}.json', ('categories', 'images', 'annotations'), 'a COCO file', _AGAIN)
    ids, sizes, names, first = [], [], [], categories(folder / 'train.json')
    known = {row['id'] for row in first}

    def columns_of(number: int, row: Any) -> tuple[int, ...]:
        coco_rows.image(row, f'{path}, images, row {number}', known)
        return row['id'], row['width'], row['height'], hash(key(row['file_name']))

    for split in SPLITS:
        path = folder / f'{split}.json'
        if categories(path) != first:
            raise InputError(path, expected='the categories of train.json', found='others', remedy=coco_rows.AGAIN)
        with _items(path, 'images.item', 'a COCO file', _AGAIN) as rows:
            table = np.fromiter(itertools.starmap(columns_of, enumerate(rows)), 'i8,i8,i8,i8')
        if not len(table):
            raise InputError(path, expected='COCO images', found='none', remedy=_AGAIN)
        columns = table.view(np.int64).reshape(-1, 4)
        ids.append(columns[:, 0])
        sizes.append(columns[:, 1:3])
        names.append(columns[:, 3])
    for what, column in (('image id', ids), ('file name', names)):
        values, counts = np.unique(np.concatenate(column), return_counts=True)
        if len(twice := values[counts > 1]):
            where = [split for split, part in zip(SPLITS, column) if np.isin(twice[0], part)]
            found = f'{twice[0]} twice' if column is ids else 'one twice'
            raise InputError(folder / f'{where[-1]}.json', expected=f'every {what} once', found=found + (
                f', in {" and ".join(where)}'), remedy=coco_rows.AGAIN)
    order = np.argsort(np.concatenate(ids))
    return Images(np.concatenate(ids)[order], np.concatenate(sizes)[order])


def file_names(folder: Path) -> list[str]:
    """Of all images of a convert folder, as they stand there: `images` checks them.

    Raises:
        InputError: a file that is no COCO file.
    """
    found: list[str] = []
    for split in SPLITS:
        found += (value for part, depth, key, event, value in _events(folder / f'{split}.json')
                  if (part, depth, key, event) == ('images', 3, 'file_name', 'string'))
    return found


def has_boxes(folder: Path) -> bool:
    """Whether any image of train, val and test has an annotated box.

    Raises:
        InputError: a file that is no COCO file.
    """
    return any(part == 'annotations' and depth == 3 and event == 'start_map' for split in SPLITS
               for part, depth, _, event, _ in _events(folder / f'{split}.json'))


def _events(path: Path) -> Iterator[tuple[str, int, str, str, Any]]:
    """Of a COCO file whose shape is not checked yet: the name of the outermost part, how many lists and objects are
    open, the last name, the event and its value. ijson's items would need memory by the square of that depth."""
    import ijson

    part, depth, key = '', 0, ''
    with _opened(path, 'a COCO file', _AGAIN) as stream:
        for event, value in ijson.basic_parse(stream, use_float=True):
            if event == 'map_key':
                key = value
                part = value if depth == 1 else part
            depth += event.startswith('start') - event.startswith('end')
            yield part, depth, key, event, value


def annotated(folder: Path) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """(split, image, its annotations) for all images of train, val and test, by image id.

    Raises:
        InputError: a file whose images and annotations are not sorted by image id.
    """
    return heapq.merge(*(_annotated(folder / f'{split}.json', split) for split in SPLITS), key=lambda row: row[1]['id'])


def _annotated(path: Path, split: str) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    with _items(path, 'images.item', 'a COCO file', _AGAIN) as pictures, \
            _items(path, 'annotations.item', 'a COCO file', _AGAIN) as rows:
        numbered, last = enumerate(rows), 0
        following = next(numbered, None)
        for image in pictures:
            mine = []
            while following and isinstance(following[1], dict) and following[1].get('image_id') == image['id']:
                coco_rows.annotation(following[1], f'{path}, annotations, row {following[0]}', image)
                mine.append(following[1])
                following = next(numbered, None)
            if image['id'] <= last:
                raise InputError(path, expected='images and annotations sorted by image id',
                                 found=f'image {image["id"]} out of order', remedy=_AGAIN)
            last = image['id']
            yield split, image, mine
        if following:
            raise InputError(f'{path}, annotations, row {following[0]}', remedy=_AGAIN, found=f'{following[1]!r:.80}',
                             expected='rows of its own images, sorted by image id')


class Best(NamedTuple):
    """By position in `Images`, the best-scoring box of each.

    Args:
        scores: (N,), NaN without a box.
        xyxy: (N, 4) pixels, cut at the image's border.
        sources: ``det``, or ``given`` or ``transferred``, of each; see `pipelines.core.lineage`.
    """
    scores: NDArray[np.float64]
    xyxy: NDArray[np.float64]
    sources: list[str]


def best_boxes(path: Path, known: Images) -> Best:
    """The best-scoring box of every image with area inside it; the first of equals.

    Args:
        path: COCO results, in any order.
    Raises:
        InputError: not COCO results, or of an unknown image.
    """
    remedy = 'run make detect for this dataset, or set BOXES=gt'
    _check_shape(path, (), 'COCO results (image_id, bbox, score)', remedy)
    scores, found = np.full(len(known.ids), np.nan), np.zeros((len(known.ids), 4))
    sources = ['det'] * len(known.ids)
    with _items(path, 'item', 'COCO results (image_id, bbox, score)', remedy) as rows:
        for number, row in enumerate(rows):
            coco_rows.detection(row, f'{path}, row {number}', remedy)
            score, xywh = row['score'], row['bbox']
            i = known.position(row['image_id'])
            if i is None:
                raise InputError(f'{path}, row {number}', expected='an image id of the converted dataset',
                                 found=str(row['image_id']), remedy=remedy)
            if score <= scores[i]:
                continue
            box = boxes.clip(boxes.xywh_to_xyxy(xywh), known.sizes[i])[0]
            if (box[2] - box[0]) * (box[3] - box[1]) > 0:
                scores[i], found[i], sources[i] = score, box, row.get('source', 'det')
    return Best(scores, found, sources)
