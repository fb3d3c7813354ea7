"""SHA-256 of files and folders, read again only where size or time of a file changed."""
from __future__ import annotations

import functools
import hashlib
import os
import stat
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path

import numpy as np

from pipelines.core.errors import InputError

_TOGETHER = 64  # files for a thread: handing each over costs more than to hash a small one
_AHEAD, _AHEAD_BYTES = 16, 1 << 20  # files that the disk reads meanwhile, and how much of each
_BYTES_PER_THREAD = 1 << 14  # while a thread hashes so much, another one gets the interpreter's lock for its next file


def sha256(path: str | os.PathLike) -> str:
    return sha256_of([path])[0]


def sha256_of(paths: Iterable[str | os.PathLike]) -> list[str]:
    """SHA-256 of each file; the next ones are on their way into memory meanwhile."""
    rest, opened, digests = iter(paths), deque(), []
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


def _sha256_parallel(paths: Sequence[str | os.PathLike], total_bytes: int) -> list[str]:
    """`sha256_of`, by as many threads as gain something at the mean size of these files."""
    threads = min(len(os.sched_getaffinity(0)), 8, total_bytes // (_BYTES_PER_THREAD * max(len(paths), 1)),
                  -(-len(paths) // _TOGETHER))
    if threads <= 1:
        return sha256_of(paths)
    with ThreadPoolExecutor(threads) as pool:
        parts = (paths[i:i + _TOGETHER] for i in range(0, len(paths), _TOGETHER))
        return list(chain.from_iterable(pool.map(sha256_of, parts)))


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
        unread = [(file, size) for file, digest, (_, size, *_) in zip(files, known, state) if digest is None]
        read = iter(_sha256_parallel([file for file, _ in unread], sum(size for _, size in unread)))
        digests = [digest or next(read) for digest in known]
        own = ''.join(f'{digest}  {entry.name}\n' for digest, entry in zip(digests, files))
        found = hashlib.sha256(own.encode()).hexdigest() if folder else digests[0]
        cache.put(key, stats, found)
    if not folder:
        return found, 1
    return hashlib.sha256((found + ''.join(rows)).encode()).hexdigest(), count
