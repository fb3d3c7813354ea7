"""SHA-256 of files and folders, read again only where size or time of a file changed."""
from __future__ import annotations

import functools
import hashlib
import os
import stat
from array import array
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from pipelines.core.errors import InputError

_TOGETHER = 64  # files: handing each to a thread costs more than to hash a small one


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor()


def sha256(path: str | os.PathLike) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb', 0) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Digests:
    """SHA-256 of files as they were written, by path: 40 bytes each, for there may be millions."""

    def __init__(self) -> None:
        self._keys, self._values = array('q'), bytearray()

    def add(self, path: str, sha256: str) -> None:
        self._keys.append(hash(path))
        self._values += bytes.fromhex(sha256)

    @functools.cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        keys = np.frombuffer(self._keys, np.int64)
        order = np.argsort(keys)
        return keys[order], np.frombuffer(self._values, 'V32')[order]

    def get(self, paths: list[str]) -> list[str | None]:
        """Of paths that were added once, before the first call."""
        wanted = np.fromiter(map(hash, paths), np.int64, len(paths))
        keys, values = self._sorted
        start, end = (np.searchsorted(keys, wanted, side) for side in ('left', 'right'))
        return [values[i].tobytes().hex() if once else None for i, once in zip(start, end - start == 1)]


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


def fingerprint(path: Path, cache: dict[str, list], root: str = '', written: Digests | None = None,
                inside: str = '') -> tuple[str, int]:
    """SHA-256 of a file's bytes, or of a folder's entries (name, their SHA-256), and the number of files.

    Args:
        path: a file or folder, or a link to one.
        cache: by real path, (digest of sizes and mtimes, sha256) as of an earlier call; updated here. A folder's
            is about the files directly in it.
        root: of the folder; links in it may lead from file to file, not to folders and not out of it.
        written: files that need not be read, as ``inside``/name in the folder.
    Raises:
        InputError: other links; a device or a pipe.
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
    if cache.get(key, [''])[0] != stats:
        known = written.get([f'{inside}/{file.name}' for file in files]) if written and folder else [None] * len(files)
        unread = [file for file, digest in zip(files, known) if digest is None]
        parts = [unread[i:i + _TOGETHER] for i in range(0, len(unread), _TOGETHER)]
        read = chain.from_iterable(_pool().map(lambda part: [sha256(file) for file in part], parts))
        digests = [digest or next(read) for digest in known]
        own = ''.join(f'{digest}  {entry.name}\n' for digest, entry in zip(digests, files))
        cache[key] = [stats, hashlib.sha256(own.encode()).hexdigest() if folder else digests[0]]
    if not folder:
        return cache[key][1], 1
    return hashlib.sha256((cache[key][1] + ''.join(rows)).encode()).hexdigest(), count
