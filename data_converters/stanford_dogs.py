"""Stanford Dogs (Khosla et al., 2011; 120 breeds): ``Images/``, ``Annotation/``, ``lists/{train,test}_list.mat``.

What to know of the files: boxes are 0-based and inclusive, hence +1 on the right and bottom edge; 1,358 images hold
several dogs, all of the folder's breed; 624 XML files give ``%s`` as folder and file name, so that a file's own path
is what counts; the class of an image is its folder, in the order of the labels in the lists.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from data_converters import archives
from data_converters.records import RawDataset, Record, official_file
from pipelines.core import images
from pipelines.core.errors import InputError

IMAGES = 'Images'
DOWNLOAD = 'official files: http://vision.stanford.edu/aditya86/ImageNetDogs/'
_AGAIN = f'unpack the official archives again; {DOWNLOAD}'


def sources(raw: Path, annotation_only: bool = False) -> dict[str, Path]:
    """The folders ``Images``, ``Annotation`` and ``lists`` below ``raw``, or their archives."""
    parts = {'Annotation': '*annotation*.tar*', 'lists': '*lists*.tar*'}
    if not annotation_only:
        parts[IMAGES] = '*images*.tar*'
    return archives.find(raw, list(parts), parts, DOWNLOAD)


def unpack(found: dict[str, Path], into: Path) -> Path:
    """Unpack the archives that `sources` found; lists.tar has no folder of its own."""
    for part, archive in found.items():
        archives.unpack(archive, into / 'lists' if part == 'lists' else into)
    return into


def read(root: Path, annotation_only: bool = False) -> RawDataset:
    """Read the unpacked dataset.

    Args:
        root: with ``Images``, ``Annotation`` and ``lists``.
        annotation_only: take image sizes from the XML and do not look for images. Otherwise an image's own header
            counts: where the XML disagrees, its boxes are scaled to the image and the file is listed in ``rescaled``.
    Raises:
        InputError: a missing list, image or XML, a damaged file, or lists at odds with the folders.
    """
    from tqdm import tqdm

    rows = [(split, *row) for split in ('train', 'test') for row in _read_list(root / 'lists' / f'{split}_list.mat')]
    folders = _folders_in_order(rows, root / 'lists')
    present = {} if annotation_only else _present(root / IMAGES)
    records, rescaled, seen = [], [], {}
    for split, file, _ in tqdm(rows, desc='reading annotations', unit='image'):
        if seen.setdefault(file, split) != split:
            raise InputError(root / 'lists', expected='an image in one of train and test', found=f'{file} in both',
                             remedy=_AGAIN)
        folder, name = file.split('/')
        xml = root / 'Annotation' / folder / Path(name).stem
        if not annotation_only and name not in present.get(folder, ()):
            raise InputError(root / IMAGES / file, expected='an image (it is in the lists)', found='nothing',
                             remedy=_AGAIN)
        xyxy, size = _read_xml(xml)
        if not annotation_only:
            real = images.size(root / IMAGES / file)
            if real != size:
                xyxy, note = xyxy * np.tile(np.divide(real, size), 2), f'{size[0]} x {size[1]} in the XML'
                rescaled.append(f'{file}: {real[0]} x {real[1]} pixels, {note}')
                size = real
        records.append(Record(len(records) + 1, file, size, folders.index(folder), xyxy, split, str(xml)))
    categories = [dict(name=folder.partition('-')[2], supercategory='dog', wnid=folder.partition('-')[0])
                  for folder in folders]
    return RawDataset(categories, records, None if annotation_only else root / IMAGES, rescaled)


def _present(folder: Path) -> dict[str, set[str]]:
    return {entry.name: {file.name for file in entry.iterdir()} for entry in folder.iterdir() if entry.is_dir()}


def _read_list(path: Path) -> list[tuple[str, int]]:
    """(file, 1-based label) of every row of a list."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise InputError(path, expected='the official list', found='nothing', remedy=_AGAIN)
    try:
        content = loadmat(path, variable_names=('file_list', 'labels'))
        files = [str(cell.item()) for cell in content['file_list'].ravel()]
        labels = content['labels'].ravel().astype(int).tolist()
    except (MatReadError, KeyError, ValueError, TypeError, NotImplementedError) as error:
        raise InputError(path, expected='a .mat file with file_list and labels',
                         found=f'{type(error).__name__}: {error}', remedy=_AGAIN) from None
    if len(files) != len(labels) or not files:
        raise InputError(path, expected='one label per file', found=f'{len(files)} files, {len(labels)} labels',
                         remedy=_AGAIN)
    for file in files:
        if official_file(file, str(path)).count('/') != 1 or '-' not in file:
            raise InputError(path, expected='<wnid>-<breed>/<image>', found=file, remedy=_AGAIN)
    return list(zip(files, labels))


def _folders_in_order(rows: list[tuple[str, str, int]], lists: Path) -> list[str]:
    """Breed folders by label, checked to be one to one."""
    pairs = {(label, file.split('/')[0]) for _, file, label in rows}
    labels, folders = sorted(label for label, _ in pairs), [folder for _, folder in sorted(pairs)]
    if labels != list(range(1, len(labels) + 1)) or len(set(folders)) != len(folders):
        raise InputError(lists, expected='labels 1 to N, one per breed folder',
                         found=f'{len(set(labels))} labels for {len(set(folders))} folders', remedy=_AGAIN)
    return folders


def _read_xml(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """(N, 4) boxes, xyxy and half-open, and the image's width and height."""
    from defusedxml import DefusedXmlException, ElementTree

    try:
        tree = ElementTree.fromstring(path.read_bytes())
        size = int(tree.findtext('size/width', '')), int(tree.findtext('size/height', ''))
        inclusive = [[int(float(box.findtext(key, ''))) for key in ('xmin', 'ymin', 'xmax', 'ymax')]
                     for box in tree.iterfind('object/bndbox')]
    except FileNotFoundError:
        raise InputError(path, expected='the XML of an image in the lists', found='nothing', remedy=_AGAIN) from None
    except ElementTree.ParseError as error:
        raise InputError(f'{path}:{error.position[0]}', expected='well-formed XML', found=str(error),
                         remedy=_AGAIN) from None
    except (ValueError, DefusedXmlException) as error:
        raise InputError(path, expected='whole numbers for size and boxes, and no entities',
                         found=str(error) or 'entities', remedy=_AGAIN) from None
    if min(size) <= 0 or not inclusive:
        raise InputError(path, expected='a size and at least one object',
                         found=f'size {size}, {len(inclusive)} objects', remedy=_AGAIN)
    return np.array(inclusive, float) + (0, 0, 1, 1), size
