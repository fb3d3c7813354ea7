"""Finding a raw dataset's parts, unpacked or as official archives, and unpacking archives without trusting them."""
from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from pipelines.core import names
from pipelines.core.errors import InputError

RATIO = 100  # XML compresses 10 to 25 times, zeros 1,000 times
_OPENERS: dict[bytes, Callable[..., Any]] = {b'\x1f\x8b': gzip.open, b'BZh': bz2.open, b'\xfd7zXZ\0': lzma.open}


def find(raw: Path, parts: list[str], archives: dict[str, str], download: str) -> dict[str, Path]:
    """The unpacked parts of a dataset below ``raw`` if all are there, else its archives.

    Args:
        parts: names of the files and folders below ``raw`` when unpacked.
        archives: by a name, the glob pattern (lower case) of an archive.
        download: where the official files are, for the error.
    Returns:
        by part, a file or folder of the unpacked dataset; or by their names the archives.
    Raises:
        InputError: no such folder; nothing of the dataset in it; parts missing; two archives for one part.
    """
    if not raw.is_dir():
        raise InputError(raw, expected='the folder of the raw dataset', found='a file' if raw.exists() else 'nothing',
                         remedy=f'set RAW (--raw) to the folder with {", ".join(parts)}; {download}')
    unpacked = {part: raw / part for part in parts if (raw / part).exists()}
    if len(unpacked) == len(parts):
        return unpacked
    packed: dict[str, Path] = {}
    for name, pattern in archives.items():
        matches = sorted(path for path in raw.iterdir() if Path(path.name.lower()).match(pattern) and path.is_file())
        if len(matches) > 1:
            raise InputError(raw, expected=f'one archive {pattern}', found=', '.join(path.name for path in matches),
                             remedy='leave only the official one in RAW')
        if matches:
            packed[name] = matches[0]
    if len(packed) == len(archives):
        return packed
    missing = [part for part in parts if part not in unpacked]
    if not unpacked and not packed:
        entries = sorted(path.name for path in raw.iterdir())
        found = ', '.join(entries[:5]) + (', ...' if len(entries) > 5 else '') if entries else 'an empty folder'
        remedy = f'set RAW (--raw) to the dataset\'s own folder; {download}'
    else:
        found = f'no {", no ".join(missing)}'
        remedy = ('unpack the archives that are there (tar -xf)' if packed else 'unpack the missing archive there'
                  ) + f'; {download}'
    raise InputError(raw, expected=f'{", ".join(parts)} (or the archives {", ".join(archives.values())})',
                     found=found, remedy=remedy)


class _Bounded:
    """An unpacked tar stream of which no more than ``limit`` bytes are looked at, and no header of over a MiB."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self.stream, self.limit, self.tell = stream, limit, stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= 1 << 20:
            raise tarfile.ReadError(f'a header of {size:,} bytes')
        if self.tell() + size > self.limit:
            raise _TooLarge
        return self.stream.read(size)

    def seek(self, position: int) -> int:
        if position > self.limit:
            raise _TooLarge
        return self.stream.seek(position)


class _TooLarge(Exception):
    pass


def unpack(archive: Path, into: Path) -> None:
    """Unpack a tar archive's plain files and folders: at most `RATIO` times its size, and what the disk has room for.

    Raises:
        InputError: damaged or cut short, also where tarfile would end without a word; a member that is a link, a
            device or sparse, or whose path leads out of ``into``; too much to unpack; a Python without tarfile's data
            filter.
    """
    from tqdm import tqdm

    if not hasattr(tarfile, 'data_filter'):
        raise InputError('python', expected='tarfile.data_filter (Python 3.10.12, 3.11.4 or newer)', found='none',
                         remedy=f'update Python, or unpack {archive.name} yourself (tar -xf) and point RAW there')
    into.mkdir(parents=True, exist_ok=True)
    packed, free = archive.stat().st_size, shutil.disk_usage(into).free
    allowed = max(RATIO * packed, 1 << 20)
    again, count = 'download the official archive again', 0
    try:
        with _opened(archive) as stream:
            bounded = _Bounded(stream, min(allowed, free))
            tar = tarfile.open(fileobj=cast(BinaryIO, bounded), mode='r:')
            for member in tqdm(tar, desc=f'unpacking {archive.name}', unit='file'):
                count += 1
                if not 0 <= member.size <= bounded.limit - member.offset_data:
                    raise _TooLarge
                if member.name.rpartition('/')[2].startswith('._'):  # resource forks that macOS's tar adds
                    continue
                _extract(tar, member, into, f'{archive}: {member.name!r:.120}', again)
            bounded.seek(tar.offset)  # tarfile takes a damaged header for the end
            while block := stream.read(min(1 << 20, bounded.limit + 1 - stream.tell())):
                if any(block):
                    raise tarfile.ReadError(f'no header after {count} members')
            if stream.tell() < tar.offset + tarfile.BLOCKSIZE:
                raise tarfile.ReadError(f'no end after {count} members')
    except _TooLarge:
        raise InputError(archive, expected=f'at most {allowed:,} bytes in it ({RATIO} times its size), and {free:,} '
                         'that the disk has room for', found='more',
                         remedy=f'{again}, or free space; if you trust it, unpack it yourself (tar -xf)') from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise InputError(archive, expected='a whole tar archive', found=str(error), remedy=again) from None
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError,
            RecursionError) as error:
        raise InputError(archive, expected='a whole tar archive', found=str(error) or type(error).__name__,
                         remedy=again) from None


def _opened(archive: Path) -> BinaryIO:
    """The tar stream of an archive, uncompressed or not, by its first bytes."""
    with archive.open('rb') as stream:
        start = stream.read(6)
    opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), open)
    opened: BinaryIO = opener(archive, 'rb')
    return opened


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path, where: str, remedy: str) -> None:
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise InputError(where, expected='plain files and folders', remedy=remedy,
                         found='a link' if member.issym() or member.islnk() else 'a special file')
    name = str(PurePosixPath(member.name))  # without ./ in front
    if name == '.':
        return
    names.check(name, where, expected='paths inside the archive\'s own folder', remedy=remedy)
    try:
        tar.extract(member, into, filter='data')
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(where, expected='a name once, for a file or a folder', found=str(error.strerror),
                         remedy=remedy) from None
