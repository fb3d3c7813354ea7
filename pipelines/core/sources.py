"""The picture files that a user means: files, folders, patterns, and lists of them."""
from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.core.errors import InputError

# Those that cannot be read (TIFF, HEIC, raw) become records that say so: nothing is passed over in silence.
SUFFIXES = frozenset(('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff', '.heic',
                      '.heif', '.avif', '.dng', '.cr2', '.nef', '.arw'))
LISTS = frozenset(('.txt', '.lst'))


class Source(NamedTuple):
    """Args:
        name: unique, relative to what all have in common; what a reader sees.
        path: absolute.
    """
    name: str
    path: str


def find(sources: Sequence[str]) -> list[Source]:
    """The files of some sources, each once, by name.

    A folder gives the pictures in it and in all folders below, hidden ones left out; a pattern (``'*.JPG'``, ``**`` for
    any folders) what it matches; a list (.txt) the files that it names, one on a line, relative to the list; another
    file itself. A file of a list that is not there stays: it becomes a record.

    Raises:
        InputError: a source that is not there, or none that holds a picture.
    """
    paths: dict[str, None] = {}
    for source in sources:
        before = len(paths)
        paths.update(dict.fromkeys(map(os.path.abspath, _of(source))))
        if len(paths) == before and not os.path.isfile(source):
            known = ' '.join(sorted(SUFFIXES))
            raise InputError(source, expected=f'pictures ({known})', found='none that an earlier source has not',
                             remedy='correct the source (IMAGES)')
    if not paths:
        raise InputError('SOURCE', expected='pictures', found='none', remedy='name files, folders or a list (IMAGES)')
    folders = {os.path.dirname(path) for path in paths}
    if len(sources) == 1 and os.path.isdir(sources[0]):
        folders = {os.path.abspath(sources[0])}
    base = os.path.commonpath(folders)
    return sorted(Source(_printable(os.path.relpath(path, base)), path) for path in paths)


def _of(source: str) -> Iterator[str]:
    if os.path.isdir(source):
        yield from _below(source)
    elif os.path.isfile(source):
        yield from _listed(Path(source)) if Path(source).suffix.lower() in LISTS else [source]
    elif glob.has_magic(source):
        for found in glob.iglob(source, recursive=True):
            if os.path.isfile(found) and _is_picture(found):
                yield found
    else:
        raise InputError(source, expected='a file, a folder, a pattern, or a list (.txt) of files', found='nothing',
                         remedy='correct the source (IMAGES)')


def _below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        real = os.path.realpath(parent)
        folders[:] = [name for name in folders if not real.startswith(
            os.path.realpath(os.path.join(parent, name)) + os.sep) and os.path.realpath(
                os.path.join(parent, name)) != real]  # a link to a folder above would never end
        yield from (os.path.join(parent, name) for name in sorted(files)
                    if not name.startswith('.') and _is_picture(name))


def _raise(error: OSError) -> None:
    raise error


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _listed(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise InputError(path, expected='a list of file names, UTF-8, one on a line', found=str(error),
                         remedy='save it as UTF-8') from None
    for line in lines:
        if line.strip() and not line.startswith('#'):
            yield os.path.join(path.parent, line.strip())


def _printable(name: str) -> str:
    """A name that is not UTF-8 shows its bytes as escapes."""
    return os.fsencode(name).decode('utf-8', 'backslashreplace')
