"""CUB-200-2011 (Wah et al., 2011; 200 species): five text tables with one row per image id, and ``images/``.

Boxes are ``id x y width height`` in floating-point pixels, one bird per image; 30 of them leave the image. Image sizes
are nowhere but in the images. RAW may be ``CUB_200_2011`` itself, the folder it is in, or a folder with the archive.
"""
from __future__ import annotations

import codecs
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_converters import archives
from data_converters.reader import Reader
from data_converters.records import Index, official_file
from pipelines.core import boxes
from pipelines.core.errors import InputError

IMAGES = 'images'
DOWNLOAD = 'official files: https://www.vision.caltech.edu/datasets/cub_200_2011/'
_AGAIN = f'unpack the official archive again; {DOWNLOAD}'
_TABLES = ('images.txt', 'bounding_boxes.txt', 'image_class_labels.txt', 'train_test_split.txt', 'classes.txt')


def _root(raw: Path) -> Path:
    return raw / 'CUB_200_2011' if (raw / 'CUB_200_2011').is_dir() else raw


def _lower(folder: Path) -> list[str]:
    return [entry.name.lower() for entry in folder.iterdir()] if folder.is_dir() else []


def sources(raw: Path, annotation_only: bool = False) -> dict[str, Path]:
    """The tables and the image folder, or the archive.

    Raises:
        InputError: wrong folder, missing parts, or ``annotation_only``.
    """
    if annotation_only:
        raise InputError('--annotation-only', expected='a dataset whose annotations give the image sizes (dogs)',
                         found='CUB-200-2011, whose sizes are only in the images',
                         remedy='leave the switch out and give RAW with images/')
    return archives.find(_root(raw), [*_TABLES, IMAGES], {'archive': 'cub_200_2011*.t*gz'}, DOWNLOAD)


def unpack(found: dict[str, Path], into: Path) -> Path:
    """Unpack the archive that `sources` found."""
    archives.unpack(found['archive'], into)
    return into / 'CUB_200_2011' if (into / 'CUB_200_2011').is_dir() else into


def index(root: Path, annotation_only: bool = False) -> Index:
    """The images of ``images.txt``, with what the other tables say of them.

    Raises:
        InputError: wrong or missing rows, with file and line.
    """
    found = sources(root, annotation_only)
    files, classes = (_table(found[name], 1, str) for name in ('images.txt', 'classes.txt'))
    boxed, labelled, split = (_table(found[name], columns, kind, expected_ids=files.ids) for name, columns, kind in (
        ('bounding_boxes.txt', 4, float), ('image_class_labels.txt', 1, int), ('train_test_split.txt', 1, int)))
    if classes.ids.tolist() != list(range(1, len(classes.ids) + 1)):
        raise InputError(found['classes.txt'], expected=f'ids 1 to {len(classes.ids)}', found='others', remedy=_AGAIN)
    for name, table, expected, low, high in (
            ('image_class_labels.txt', labelled, f'a class from 1 to {len(classes.ids)}', 1, len(classes.ids)),
            ('train_test_split.txt', split, '0 (test) or 1 (train)', 0, 1)):
        value = table.values[:, 0]
        if (bad := np.flatnonzero((value < low) | (value > high))).size:
            raise InputError(f'{found[name]}:{table.lines[bad[0]]}', expected=expected, found=f'{value[bad[0]]:.0f}',
                             remedy=_AGAIN)
    categories = [dict(name=folder.partition('.')[2] or folder, supercategory='bird') for folder in classes.values]
    return Index(categories, files.ids, files.values, labelled.values[:, 0].astype(int) - 1,
                 np.where(split.values[:, 0] == 0, 'test', 'train'), boxes.xywh_to_xyxy(boxed.values),
                 lines=boxed.lines, source='bounding_boxes.txt', read=_TABLES)


class Cub(Reader):
    layout = 'cub'
    shape = 'CUB-200-2011: images/ and the tables ' + ' '.join(_TABLES)
    benchmark = True
    images = IMAGES
    species = 'bird'
    left_top_size = True
    remedy = _AGAIN

    def recognises(self, raw: Path) -> bool:
        root = _root(raw)
        return sum((root / table).is_file() for table in _TABLES) >= 3 or any(
            path.match('cub_200_2011*.t*gz') for path in map(Path, _lower(root)))

    def locate(self, raw: Path, annotation_only: bool = False) -> tuple[Path, dict[str, Path]]:
        found = sources(raw, annotation_only)
        return _root(raw), found if 'archive' in found else {}

    def unpack(self, archives: dict[str, Path], into: Path) -> Path:
        return unpack(archives, into)

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        return index(root, annotation_only)


@dataclass(frozen=True)
class _Table:
    """Rows by image (or class) id, in rising order.

    Args:
        ids: (N,).
        lines: (N,) of the file.
        values: N names, or (N, columns) numbers.
    """
    ids: NDArray[np.int64]
    lines: NDArray[np.int64]
    values: Any


def _table(path: Path, columns: int, kind: type, expected_ids: NDArray[np.int64] | None = None) -> _Table:
    """Read a table.

    A byte order mark, CRLF and blank lines change no row; they are read over, counted and said.

    Args:
        kind: of the values: str (one name), int or float.
        expected_ids: the ids that it has to have, sorted.
    """
    ids, lines, names, numbers = array('q'), array('q'), [], array('d')
    repaired: Counter[str] = Counter()
    for line, text in _lines(path, repaired):
        cells = text.strip().split(None, columns if kind is str else -1)  # a name may have blanks
        if not cells:
            repaired['blank line'] += 1
            continue
        try:
            number, *values = int(cells[0]), *map(kind, cells[1:])
            good = _are_plain(cells[:1] if kind is str else cells) and len(values) == columns and 0 < number < 1e9 and (
                kind is str or all(abs(value) < 1e9 for value in values))
        except ValueError:
            good = False
        if not good:
            raise InputError(f'{path}:{line}', expected=f'a new id and {columns} value{"s"[:columns > 1]}',
                             found=f'{text.rstrip()!r:.120}', remedy=_AGAIN)
        ids.append(number)
        lines.append(line)
        if kind is str:
            names.append(official_file(values[0], f'{path}:{line}'))
        else:
            numbers.extend(values)
    if repaired:
        print(f'{path.name}: read over {", ".join(f"{what} ({n})" for what, n in repaired.items())}')
    if not ids:
        raise InputError(path, expected='rows', found='none', remedy=_AGAIN)
    order = np.argsort(ids, kind='stable')
    table = _Table(np.asarray(ids)[order], np.asarray(lines)[order],
                   [names[i] for i in order] if kind is str else np.asarray(numbers).reshape(-1, columns)[order])
    if (twice := np.flatnonzero(np.diff(table.ids) == 0)).size:
        first, again = table.lines[twice[0]:twice[0] + 2]
        raise InputError(f'{path}:{again}', expected='a new id', found=f'{table.ids[twice[0]]}, as in line {first}',
                         remedy=_AGAIN)
    if expected_ids is not None and not np.array_equal(table.ids, expected_ids):
        odd = int(np.setxor1d(table.ids, expected_ids)[0])
        place = np.searchsorted(table.ids, odd)
        where, found = (path, f'no row for image {odd}') if odd in expected_ids else (
            f'{path}:{table.lines[place]}', f'image {odd}, unknown there')
        raise InputError(where, expected='a row for every id of images.txt, and no other', found=found, remedy=_AGAIN)
    return table


def _lines(path: Path, repaired: Counter[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file; counts a byte order mark and CRLF."""
    try:
        stream = path.open('rb')
    except IsADirectoryError:
        raise InputError(path, expected='a table', found='a folder', remedy=_AGAIN) from None
    with stream:
        for line, content in enumerate(stream, start=1):
            if line == 1 and content.startswith(codecs.BOM_UTF8):
                repaired['byte order mark'] += 1
                content = content.removeprefix(codecs.BOM_UTF8)
            if content.endswith((b'\r\n', b'\r')):
                repaired['CRLF'] += 1
            try:
                yield line, content.decode()
            except UnicodeDecodeError as error:
                raise InputError(f'{path}:{line}', expected='UTF-8', found=repr(content[error.start:error.end]),
                                 remedy=_AGAIN) from None


def _are_plain(numbers: list[str]) -> bool:
    """Python would read 1_0 and other alphabets' digits as well."""
    text = ''.join(numbers)
    return text.isascii() and '_' not in text
