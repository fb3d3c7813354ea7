"""SHA-256 of files and folders, read again only where size, times or inode of a file changed.

The time of the last change of the inode (ctime) is among them: no program can set it, so an edit that keeps size and
mtime (``exiftool -P``, ``touch -r``) is seen.
"""
from __future__ import annotations

import functools
import hashlib
import os
import re
import stat
import time
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core import machine
from pipelines.core.errors import InputError

_TOGETHER = 64  # files for a thread: handing each over costs more than to hash a small one
_AHEAD, _AHEAD_BYTES = 16, 1 << 20  # files that the disk reads meanwhile, and how much of each
_TICK = 0.02  # seconds: a file system's clock goes in steps, of 10 ms at most
# What file managers, notebooks and network file systems leave in folders of images: no part of any data.
_STRAY = re.compile(r'\.DS_Store|\._.*|(?:eh)?[Tt]humbs\.db|[Dd]esktop\.ini|\.directory|\.nfs[0-9a-f]+|@eaDir|__MACOSX|'
                    r'\.ipynb_checkpoints|\.Trash(?:es|-\d+)?|\.Spotlight-V100|\.fseventsd')
_BYTES_PER_THREAD = 1 << 14  # while a thread hashes so much, another one gets the interpreter's lock for its next file


def sha256(path: str | os.PathLike[str]) -> str:
    return sha256_of([path])[0]


def sha256_of(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """SHA-256 of each file; the next ones are on their way into memory meanwhile."""
    rest, digests = iter(paths), list[str]()
    opened: deque[int] = deque()
    try:
        while True:
            for path in islice(rest, _AHEAD - len(opened)):
                opened.append(os.open(path, os.O_RDONLY))
                os.posix_fadvise(opened[-1], 0, _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
            if not opened:
                return digests
            digest = hashlib.sha256()
            while block := os.read(opened[0], 1 << 18):
                digest.update(block)
            digests.append(digest.hexdigest())
            os.close(opened.popleft())
    finally:
        for file in opened:
            os.close(file)


def _sha256_parallel(paths: Sequence[str | os.PathLike[str]], total_bytes: int) -> list[str]:
    """`sha256_of`, by as many threads as gain something at the mean size of these files."""
    threads = min(machine.cpus(), 8, total_bytes // (_BYTES_PER_THREAD * max(len(paths), 1)),
                  -(-len(paths) // _TOGETHER))
    if threads <= 1:
        return sha256_of(paths)
    with ThreadPoolExecutor(threads) as pool:
        parts = (paths[i:i + _TOGETHER] for i in range(0, len(paths), _TOGETHER))
        return list(chain.from_iterable(pool.map(sha256_of, parts)))


class Cache:
    """Digests of files and folders, by real path and the digest of their state (sizes, times, inodes).

    Args:
        rows: (path, digest of the state, SHA-256), as of earlier calls; of one path there may be several.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str]] = ()) -> None:
        self._known = {(path, stats): sha256 for path, stats, sha256 in rows}
        self.used: dict[str, list[str]] = {}  # by path, [digest of the state, SHA-256]: what was asked for

    def get(self, path: str, stats: str) -> str | None:
        if found := self._known.get((path, stats)):
            self.used[path] = [stats, found]
        return found

    def put(self, path: str, stats: str, sha256: str) -> None:
        self._known[path, stats] = sha256
        self.used[path] = [stats, sha256]


class Digests:
    """Size and SHA-256 of files as they were written, by path: about 48 bytes each, for there may be millions."""

    def __init__(self) -> None:
        self._keys, self._sizes, self._values = array('q'), array('q'), bytearray()
        self._found = 0

    def add(self, path: str, size: int, sha256: str) -> None:
        self._keys.append(hash(path))
        self._sizes.append(size)
        self._values += bytes.fromhex(sha256)

    @functools.cached_property
    def _sorted(self) -> tuple[np.ndarray[Any, Any], ...]:
        columns = np.asarray(self._keys), np.asarray(self._sizes), np.frombuffer(self._values, 'V32')
        del self._keys, self._sizes, self._values
        order = np.argsort(columns[0])
        return tuple(column[order] for column in columns)

    def get(self, paths: list[str], sizes: list[int]) -> list[str | None]:
        """Of files that have these sizes now and, before the first call, were added once; None: of others.

        Raises:
            InputError: a file that was added has another size.
        """
        wanted = np.fromiter(map(hash, paths), np.int64, len(paths))
        keys, written, values = self._sorted
        start, end = (np.searchsorted(keys, wanted, side) for side in ('left', 'right'))
        digests = []
        for path, size, i, times in zip(paths, sizes, start.tolist(), (end - start).tolist()):
            if times == 1 and written[i] != size:
                raise InputError(path, expected=f'{written[i]:,} bytes, as were written', found=f'{size:,}',
                                 remedy='see whether the disk is well, and remove the unfinished result: the hidden '
                                 'folder .<name>.staging beside where it is to be')
            digests.append(values[i].tobytes().hex() if times == 1 else None)
            self._found += times
        return digests

    def missing(self) -> int:
        """How many were added and never asked for."""
        return len(self._sorted[0]) - self._found


def _stat(entry: os.DirEntry[str] | Path, root: str) -> os.stat_result:
    """Of a file that can be read to its end, and that no link puts outside ``root``."""
    try:
        result = entry.stat()
        if stat.S_ISREG(result.st_mode) and (not entry.is_symlink() or os.path.realpath(entry).startswith(root)):
            return result
    except OSError:  # a link to nothing, or to itself
        pass
    raise InputError(os.fspath(entry), expected='a file', remedy='put a file there, or take it away', found=(
        f'a link to {os.path.realpath(entry)}' if entry.is_symlink() else 'a device, a pipe or nothing'))


@dataclass(frozen=True)
class Listed:
    """The files that a list names, as an input: what else lies beside them does not count.

    Args:
        root: what the names are relative to.
        names: in any order, and as often as the list has them.
    """
    root: Path
    names: Sequence[str]


def _state(name: str, found: os.stat_result) -> tuple[Any, ...]:
    return name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _read_after(states: Iterable[tuple[Any, ...]]) -> None:
    """Wait until the clock of the file system has gone on since the last change: a later one has another time then."""
    newest = max((state[3] for state in states), default=0) / 1e9
    if 0 <= (age := time.time() - newest) < _TICK:
        time.sleep(_TICK - age)


def fingerprint(path: Path | Listed, cache: Cache, root: str = '', written: Digests | None = None,
                inside: str = '') -> tuple[str, int]:
    """SHA-256 of a file's bytes, or of a folder's entries (name, their SHA-256), and the number of files.

    Files that programs leave in folders of images (``.DS_Store``, ``Thumbs.db``, ``@eaDir``) are not looked at.

    Args:
        path: a file or folder, or a link to one; or files of a list.
        cache: of earlier calls; updated here. A folder's digest there is about the files directly in it.
        root: of the folder; links in it may lead from file to file, not to folders and not out of it.
        written: files in folders that need not be read, as ``inside``/name.
    Raises:
        InputError: other links; a device or a pipe; a file that is not as it was written, or is not there.
    """
    if isinstance(path, Listed):
        return _listed(path, cache)
    folder = path.is_dir()
    files: Sequence[os.DirEntry[str] | Path]
    if folder:
        root = root or os.path.realpath(path) + os.sep
        entries = sorted((entry for entry in os.scandir(path) if not _STRAY.fullmatch(entry.name)),
                         key=lambda entry: entry.name)
        files = [entry for entry in entries if not entry.is_dir(follow_symlinks=False)]
        rows, count = [], len(files)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                digest, below = fingerprint(path / entry.name, cache, root, written, f'{inside}/{entry.name}')
                rows.append(f'{digest}  {entry.name}/\n')
                count += below
    else:
        files, rows, count = [path], [], 1
    state = [_state(entry.name, _stat(entry, root)) for entry in files]
    key = os.path.realpath(path)
    found, stats = _known(cache, key, state)
    if found is None:
        known = [None] * len(files) if written is None or not folder else written.get(
            [f'{inside}/{file.name}' for file in files], [size for _, size, *_ in state])
        unread = [(file, row) for file, digest, row in zip(files, known, state) if digest is None]
        read = iter(_read([file for file, _ in unread], [row for _, row in unread]))
        digests = [digest or next(read) for digest in known]
        own = ''.join(f'{digest}  {entry.name}\n' for digest, entry in zip(digests, files))
        found = hashlib.sha256(own.encode(errors='surrogateescape')).hexdigest() if folder else digests[0]
        cache.put(key, stats, found)
    if not folder:
        return found, 1
    return hashlib.sha256((found + ''.join(rows)).encode(errors='surrogateescape')).hexdigest(), count


def _known(cache: Cache, key: str, state: list[tuple[Any, ...]]) -> tuple[str | None, str]:
    stats = hashlib.sha256(repr(state).encode()).hexdigest()
    return cache.get(key, stats), stats


def _read(files: list[Any], state: list[tuple[Any, ...]]) -> list[str]:
    _read_after(state)
    return _sha256_parallel(files, sum(size for _, size, *_ in state))


def _unlisted(listed: Listed, name: str, found: str) -> InputError:
    return InputError(f'{listed.root}/{name}', expected='a file, as a list names it', found=found,
                      remedy='run the stage that made it again')


def _listed(listed: Listed, cache: Cache) -> tuple[str, int]:
    names = sorted(set(listed.names))
    root, state = os.path.realpath(listed.root), []
    for name in names:
        try:
            found_there = os.stat(f'{root}/{name}')
        except OSError as error:
            raise _unlisted(listed, name, str(error.strerror)) from None
        if not stat.S_ISREG(found_there.st_mode):
            raise _unlisted(listed, name, 'a folder, a device or a pipe')
        state.append(_state(name, found_there))
    key = f'{root}: {hashlib.sha256(chr(10).join(names).encode(errors="surrogateescape")).hexdigest()}'
    found, stats = _known(cache, key, state)
    if found is None:
        digests = _read([f'{root}/{name}' for name in names], state)
        rows = ''.join(f'{digest}  {name}\n' for digest, name in zip(digests, names))
        found = hashlib.sha256(rows.encode(errors='surrogateescape')).hexdigest()
        cache.put(key, stats, found)
    return found, len(names)
