"""Small files, read with as few system calls as there can be (a file object makes twice as many); files written
whole or not at all."""
from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from pipelines.core.errors import InputError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of renameat2(2)


def read_head(path: str | os.PathLike[str], length: int) -> bytes:
    """At most so many bytes of a file's beginning.

    Raises:
        OSError: it cannot be read.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, length)
    finally:
        os.close(file)


def read_whole(path: str | os.PathLike[str], limit: int) -> bytes:
    """All bytes of a file; of one that grows meanwhile, as many as it had.

    Raises:
        OSError: it cannot be read.
        ValueError: it has more than ``limit``.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        if (length := os.fstat(file).st_size) > limit:
            raise ValueError(f'{length:,} bytes, more than {limit:,}')
        content = os.read(file, length)
        while len(content) < length and (more := os.read(file, length - len(content))):
            content += more
        return content
    finally:
        os.close(file)


def _beside(path: Path, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Make what is to become a file or a link, beside it and under a name that no other writer has.

    Args:
        make: raises FileExistsError where the name is taken.
    """
    while True:
        partial = path.with_name(f'.{path.name}.{secrets.token_hex(2)}.partial')
        with contextlib.suppress(FileExistsError):
            return partial, make(partial)


@contextlib.contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A file to write, of which a reader, or a crash, sees the old content or all of the new one; text is UTF-8.

    Of several writers at once the last one's content is there, whole. After a SIGKILL the part that was written stays
    until `remove_partials`.
    """
    mode, encoding = ('xb', None) if binary else ('x', 'utf-8')
    partial, opened = _beside(path, lambda partial: partial.open(mode, encoding=encoding))
    try:
        with opened as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left anywhere in a folder in which nobody writes now."""
    for partial in folder.rglob('.*.partial'):
        partial.unlink(missing_ok=True)


def link(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``, replacing a link that says otherwise.

    Raises:
        InputError: the file system has no symbolic links.
    """
    if path.is_symlink() and os.readlink(path) == target:
        return
    try:
        partial, _ = _beside(path, lambda partial: partial.symlink_to(target))
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        raise InputError(path, expected='a file system with symbolic links', found=str(error.strerror),
                         remedy='choose a WORK on another one (exFAT and some network shares have none)') from None
    partial.replace(path)


def exchange(first: Path, second: Path) -> bool:
    """Swap two files or folders in one step (renameat2(2)); False, and nothing done, where the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # musl, or glibc before 2.28
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    if (code := ctypes.get_errno()) in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), os.fspath(second))
