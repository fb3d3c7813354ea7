"""SHA-256 of files and folders, read again only where size or time of a file changed."""
from __future__ import annotations

import functools
import hashlib
import os
import stat
from array import array
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from pipelines.core.errors import InputError

_TOGETHER = 64  # files: handing each to a thread costs more than to hash a small one


@functools.cache
def _pool() -> ThreadPoolExecutor:
    # More wait for the interpreter's lock, fewer for the disk: of 20,580 photographs 2, 4 and 6 threads on 2 CPUs took
    # 0.6, 0.7 and 0.9 s where they were in memory, 2.8, 2.0 and 1.8 s where they were not.
    return ThreadPoolExecutor(min(2 * len(os.sched_getaffinity(0)), 8))


def sha256(path: str | os.PathLike) -> str:
    digest = hashlib.sha256()
    file = os.open(path, os.O_RDONLY)  # every system call gives up the lock, and a file object makes more of them
    try:
        while block := os.read(file, 1 << 18):
            digest.update(block)
    finally:
        os.close(file)
    return digest.hexdigest()


class Cache:
    """Digests of files and folders, by real path and the digest of their sizes and mtimes.

    Args:
        rows: (path, digest of sizes and mtimes, SHA-256), as of earlier calls; of one path there may be several.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str]] = ()) -> None:
        self._known = {(path, stats): sha256 for path, stats, sha256 in rows}
        self.used: dict[str, list[str]] = {}  # by path, [digest of sizes and mtimes, SHA-256]: what was asked for

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
    def _sorted(self) -> tuple[np.ndarray, ...]:
        columns = np.asarray(self._keys), np.asarray(self._sizes), np.frombuffer(self._values, 'V32')
        self._keys = self._sizes = self._values = None
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


def _stat(entry: os.DirEntry | Path, root: str) -> os.stat_result:
    """Of a file that can be read to its end, and that no link puts outside ``root``."""
    try:
        result = entry.stat()
        if stat.S_ISREG(result.st_mode) and (not entry.is_symlink() or os.path.realpath(entry).startswith(root)):
            return result
    except OSError:  # a link to nothing, or to itself
        pass
    raise InputError(os.fspath(entry), expected='a file', remedy='put a file there, or take it away', found=(
        f'a link to {os.path.realpath(entry)}' if entry.is_symlink() else 'a device, a pipe or nothing'))


def fingerprint(path: Path, cache: Cache, root: str = '', written: Digests | None = None,
                inside: str = '') -> tuple[str, int]:
    """SHA-256 of a file's bytes, or of a folder's entries (name, their SHA-256), and the number of files.

    Args:
        path: a file or folder, or a link to one.
        cache: of earlier calls; updated here. A folder's digest there is about the files directly in it.
        root: of the folder; links in it may lead from file to file, not to folders and not out of it.
        written: files in folders that need not be read, as ``inside``/name.
    Raises:
        InputError: other links; a device or a pipe; a file that is not as it was written.
    """
    folder = path.is_dir()
    if folder:
        root = root or os.path.realpath(path) + os.sep
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        files = [entry for entry in entries if not entry.is_dir(follow_symlinks=False)]
        rows, count = [], len(files)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                digest, below = fingerprint(path / entry.name, cache, root, written, f'{inside}/{entry.name}')
                rows.append(f'{digest}  {entry.name}/\n')
                count += below
    else:
        files, rows, count = [path], [], 1
    state = [(entry.name, s.st_size, s.st_mtime_ns, s.st_ino) for entry in files for s in [_stat(entry, root)]]
    stats, key = hashlib.sha256(repr(state).encode()).hexdigest(), os.path.realpath(path)
    found = cache.get(key, stats)
    if found is None:
        known = [None] * len(files) if written is None or not folder else written.get(
            [f'{inside}/{file.name}' for file in files], [size for _, size, *_ in state])
        unread = [file for file, digest in zip(files, known) if digest is None]
        parts = [unread[i:i + _TOGETHER] for i in range(0, len(unread), _TOGETHER)]
        read = chain.from_iterable(_pool().map(lambda part: [sha256(file) for file in part], parts))
        digests = [digest or next(read) for digest in known]
        own = ''.join(f'{digest}  {entry.name}\n' for digest, entry in zip(digests, files))
        found = hashlib.sha256(own.encode()).hexdigest() if folder else digests[0]
        cache.put(key, stats, found)
    if not folder:
        return found, 1
    return hashlib.sha256((found + ''.join(rows)).encode()).hexdigest(), count
