"""Every layout of raw data that convert reads, and how a folder's is recognised."""
from __future__ import annotations

from pathlib import Path

from data_converters.aircraft import Aircraft
from data_converters.cars import Cars
from data_converters.coco_json import CocoJson
from data_converters.cub import Cub
from data_converters.folder import ClassFolders, SplitFolders
from data_converters.nabirds import NABirds
from data_converters.pets import Pets
from data_converters.reader import Reader
from data_converters.splits import NAMES
from data_converters.stanford_dogs import StanfordDogs
from data_converters.table import Table
from data_converters.voc import Voc
from data_converters.yolo import Yolo
from pipelines.core.errors import InputError

# in the order in which they are tried: images in folders are there in most of them
_ANNOTATED: tuple[Reader, ...] = (Table(), CocoJson(), Yolo(), Voc())
_OFFICIAL: tuple[Reader, ...] = (StanfordDogs(), NABirds(), Cub(), Aircraft(), Cars(), Pets())
READERS: dict[str, Reader] = {reader.layout: reader for reader in (
    *_OFFICIAL, *_ANNOTATED, SplitFolders(), ClassFolders())}
_NAMED = {'dogs': 'stanford-dogs', 'toy-dogs': 'stanford-dogs', 'cub': 'cub', 'toy-birds': 'cub'}


def shapes() -> str:
    """All layouts in words, a line each."""
    return '\n'.join(f'    {layout:14} {reader.shape}' for layout, reader in READERS.items())


def chosen(dataset: str, raw: Path, layout: str | None) -> Reader:
    """The reader of a raw folder.

    Args:
        dataset: its name: where nothing is recognised, an official set's errors are those of its own layout.
        layout: a key of `READERS`, to force it.
    Raises:
        InputError: no folder; an unknown layout; none recognised, or two that both hold annotations.
    """
    if layout:
        if layout not in READERS:
            raise InputError('--layout', expected=', '.join(READERS), found=layout, remedy='choose one of these '
                             '(LAYOUT=, --layout), or leave it out')
        return READERS[layout]
    if not raw.is_dir():
        raise InputError(raw, expected='the folder of the raw dataset', found='a file' if raw.exists() else 'nothing',
                         remedy='set RAW (--raw) to that folder')
    if (named := _NAMED.get(dataset)) and READERS[named].recognises(raw):
        return READERS[named]
    if official := [reader for reader in _OFFICIAL if reader.recognises(raw)]:
        return official[0]
    if len(found := [reader for reader in _ANNOTATED if reader.recognises(raw)]) > 1:
        raise InputError(raw, expected='annotations in one layout',
                         found=' and '.join(reader.layout for reader in found),
                         remedy=f'say which counts: LAYOUT={found[0].layout} (--layout)')
    found = found or [reader for reader in (READERS['split-folders'], READERS['class-folders'])
                      if reader.recognises(raw)]
    if found:
        return found[0]
    if named:
        return READERS[named]
    entries = sorted(path.name for path in raw.iterdir())
    if splits := [name for name in entries if name.lower() in NAMES]:
        raise InputError(raw, expected=f'class folders in {splits[0]}/, as it is named like a split', found='none',
                         remedy='put the images of each class into a folder there; or, if that is the name of a class: '
                         'LAYOUT=class-folders (--layout)')
    some = ', '.join(entries[:5]) + (', ...' if len(entries) > 5 else '')
    raise InputError(raw, expected=f'one of the layouts {", ".join(READERS)}', remedy='put the images into a folder '
                     'for each class, or see the others with: python -m data_converters.convert --help',
                     found=some or 'an empty folder')
