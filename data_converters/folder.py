"""One's own photographs in folders: ``<class>/*.jpg``, or ``{train,val,test}/<class>/*.jpg``.

Folders in class folders belong to the class. Images are numbered in the order of their names.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from data_converters import classes, listing
from data_converters.reader import Reader
from data_converters.records import Index
from data_converters.splits import NAMES
from pipelines.core.errors import InputError


def split_folders(raw: Path) -> dict[str, str]:
    """By folder, the split that its name says.

    Raises:
        InputError: two folders of one split.
    """
    found = {folder: NAMES[folder.lower()] for folder in listing.subfolders(raw) if folder.lower() in NAMES}
    for split in set(found.values()):
        if len(same := [folder for folder, name in found.items() if name == split]) > 1:
            raise InputError(raw, expected=f'one folder for {split}', found=' and '.join(same),
                             remedy='put the images of both into one')
    return found


def inner(raw: Path) -> Path:
    """The folder itself, or the only folder in it where that has folders alone, as archives unpack."""
    while len(folders := listing.subfolders(raw)) == 1 and listing.subfolders(raw / folders[0]) and not (
            listing.pictures(raw, folders[0], depth=0)):
        raw = raw / folders[0]
    return raw


def class_folders(root: Path, parent: str = '') -> dict[str, list[str]]:
    """By class folder, its images, relative to ``root``.

    Raises:
        InputError: no class folder, an empty one, or images beside them.
    """
    here = root / parent
    loose = listing.pictures(root, parent, depth=0)
    if loose:
        raise InputError(root / loose[0], expected='images in class folders alone', remedy='move them into the folder '
                         'of their class, or take them out', found=f'{len(loose):,} images beside the class folders')
    found = {folder: listing.pictures(root, f'{parent}/{folder}' if parent else folder)
             for folder in listing.subfolders(here)}
    if not found:
        raise InputError(here, expected='a folder for each class, with its images', found='no folder',
                         remedy='see that RAW (--raw) is the folder above the class folders')
    if empty := [folder for folder, files in found.items() if not files]:
        raise InputError(here / empty[0], expected='images of every class', remedy='add images, or remove the folder',
                         found=f'an empty folder ({len(empty):,} of {len(found):,} class folders are)')
    classes.check(list(found), str(here))
    return found


def _index(reader: Reader, by_split: dict[str, dict[str, list[str]]], unlabelled: tuple[str, ...] = ()) -> Index:
    names = sorted(set().union(*by_split.values()))
    classes.check(names, 'the class folders')
    _say_nested(by_split)
    label = {name: i for i, name in enumerate(names)}
    rows = sorted((label[name], file, split) for split, folders in by_split.items()
                  for name, files in folders.items() for file in files)
    return Index(classes.categories(names, reader.species), np.arange(1, len(rows) + 1), [file for _, file, _ in rows],
                 np.array([number for number, *_ in rows]), np.array([split for *_, split in rows], '<U5'),
                 unlabelled=unlabelled)


def _say_others(root: Path) -> None:
    if others := listing.other_files(root):
        print(f'[convert] files whose names are of no image are left out: {others}')


def _say_nested(by_split: dict[str, dict[str, list[str]]]) -> None:
    """Folders in class folders may be classes themselves: their images are said to be of the class above."""
    inside = {f'{name}/{rest.split("/")[0]}' for folders in by_split.values() for name, files in folders.items()
              for file in files if '/' in (rest := f'/{file}'.partition(f'/{name}/')[2])}
    if inside:
        some = ', '.join(sorted(inside)[:4]) + (', ...' if len(inside) > 4 else '')
        print(f'[convert] folders in class folders are not classes, their images are of the class above: {some}')


class ClassFolders(Reader):
    layout = 'class-folders'
    shape = '<class>/*.jpg; test and val are drawn from each class by the seed'
    remedy = 'put the file there again'

    def recognises(self, raw: Path) -> bool:
        return not split_folders(root := inner(raw)) and bool(listing.subfolders(root))

    def locate(self, raw: Path, annotation_only: bool = False) -> tuple[Path, dict[str, Path]]:
        return inner(super().locate(raw, annotation_only)[0]), {}

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        found = class_folders(root)
        if len(found) < 2:
            raise InputError(root, expected='two class folders or more', found=', '.join(found),
                             remedy='see that RAW (--raw) is the folder above the class folders')
        _say_others(root)
        return _index(self, {'': found})


class SplitFolders(Reader):
    layout = 'split-folders'
    shape = '{train,val|valid|validation,test}/<class>/*.jpg; a val or test that is not there is drawn from train'
    remedy = 'put the file there again'

    def recognises(self, raw: Path) -> bool:
        root = inner(raw)
        return any(listing.subfolders(root / folder) for folder in split_folders(root))

    def locate(self, raw: Path, annotation_only: bool = False) -> tuple[Path, dict[str, Path]]:
        return inner(super().locate(raw, annotation_only)[0]), {}

    def index(self, root: Path, annotation_only: bool = False) -> Index:
        found = {split: class_folders(root, folder) for folder, split in split_folders(root).items()}
        train = found.get('train', {})
        for split, folders in found.items():
            if train and folders.keys() != train.keys():
                missing, extra = sorted(train.keys() - folders.keys()), sorted(folders.keys() - train.keys())
                odd = (['no ' + ', no '.join(missing[:5])] if missing else []) + (
                    [f'{", ".join(extra[:5])}, which train has not'] if extra else [])
                raise InputError(root / split, expected='the class folders of train', found='; '.join(odd),
                                 remedy='give every split the same class folders, in the same spelling')
        _say_others(root)
        listed = {file for folders in found.values() for files in folders.values() for file in files}
        return _index(self, found, tuple(file for file in listing.pictures(root, '') if file not in listed))
