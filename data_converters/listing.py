"""Which image files lie in a folder. What systems leave there (.DS_Store, Thumbs.db, @eaDir, ._x.jpg) is none."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from data_converters.records import official_file
from pipelines.core.errors import InputError

IMAGES = frozenset(('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.gif', '.bmp', '.webp'))
_KINDS = dict(HEIC=('heic', 'heif', 'hif', 'avif'), TIFF=('tif', 'tiff'),
              RAW=('dng', 'cr2', 'cr3', 'crw', 'nef', 'nrw', 'arw', 'srf', 'sr2', 'raf', 'orf', 'rw2', 'pef', 'srw',
                   'raw'))
_OTHERS = {f'.{extension}': kind for kind, extensions in _KINDS.items() for extension in extensions}
RENAME = 'rename it'


def suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def is_image(name: str) -> bool:
    return suffix(name) in IMAGES and not name.startswith('.')


def refuse_others(root: Path, files: Collection[str]) -> None:
    """Photographs in formats that are not read.

    Raises:
        InputError: names the first and counts them by kind.
    """
    others = sorted(file for file in files if suffix(file) in _OTHERS and not os.path.basename(file).startswith('.'))
    if others:
        counts = Counter(_OTHERS[suffix(file)] for file in others)
        raise InputError(root / others[0], expected='JPEG, PNG, WebP, GIF or BMP', found=' and '.join(
            f'{count:,} {kind} image{"s"[:count > 1]}' for kind, count in counts.items()),
            remedy='convert them to JPEG (as with: magick mogrify -format jpg -quality 95 *.heic) and take them out')


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, links to folders among them, in order."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(('.', '@', '__')))


def _below(root: str, folder: str, depth: int) -> Iterator[str]:
    """Files below root/folder, relative to root; folders that a link makes endless end at a depth."""
    with os.scandir(os.path.join(root, folder)) as entries:
        for entry in entries:
            name = f'{folder}/{entry.name}' if folder else entry.name
            if entry.is_dir():
                if depth and not entry.is_symlink() and not entry.name.startswith(('.', '@', '__')):
                    yield from _below(root, name, depth - 1)
            else:
                yield name


def pictures(root: Path, folder: str, *, depth: int = 16) -> list[str]:
    """The images below root/folder, relative to ``root``, in order.

    Raises:
        InputError: a photograph in a format that is not read; a name that is none on other systems.
    """
    files = [name for name in _below(str(root), folder, depth) if not os.path.basename(name).startswith('.')]
    refuse_others(root, files)
    return sorted(official_file(name, str(root / folder), RENAME) for name in files if suffix(name) in IMAGES)


def other_files(root: Path) -> str:
    """What lies below a folder and is no image by its name, in words, as "3 .txt, 1 without an extension (a/notes.txt,
    ...)"; empty where there is none."""
    found = sorted(name for name in _below(str(root), '', 16)
                   if not is_image(base := os.path.basename(name)) and not base.startswith('.')
                   and base not in ('Thumbs.db', 'desktop.ini'))
    counts = Counter(suffix(name) or 'without an extension' for name in found)
    return ', '.join(f'{count:,} {kind}' for kind, count in counts.most_common()) + (
        f' ({found[0]}{", ..." if len(found) > 1 else ""})') if found else ''


def check_present(root: Path, files: Sequence[str], expected: str, remedy: str) -> None:
    """Every listed file is there.

    Args:
        expected: what they are, in words.

    Raises:
        InputError: names the first that is missing and counts them.
    """
    missing = [file for file in files if not os.path.isfile(os.path.join(root, file))]
    if missing:
        first = root / missing[0]
        found = ('a folder, a device or a pipe' if first.exists() else
                 f'a link to nothing ({os.readlink(first)})' if first.is_symlink() else 'nothing')
        raise InputError(first, expected=expected, remedy=remedy,
                         found=f'{found} ({len(missing):,} of {len(files):,} are missing)')


def unlisted(root: Path, files: Sequence[str]) -> list[str]:
    """Images beside listed ones that no list names."""
    known, folders = set(files), {os.path.dirname(file) for file in files}
    found = (name for folder in folders if os.path.isdir(os.path.join(root, folder))
             for name in _below(str(root), folder, 0))
    return sorted(name for name in found if name not in known and is_image(os.path.basename(name)))
