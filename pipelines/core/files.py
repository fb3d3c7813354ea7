"""Small files, read with as few system calls as there can be (a file object makes twice as many); files written
whole or not at all."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def read_head(path: str | os.PathLike, length: int) -> bytes:
    """At most so many bytes of a file's beginning.

    Raises:
        OSError: it cannot be read.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, length)
    finally:
        os.close(file)


def read_whole(path: str | os.PathLike, limit: int) -> bytes:
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


@contextlib.contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[IO]:
    """A file to write, of which a reader, or a crash, sees the old content or all of the new one; text is UTF-8."""
    partial = path.with_name(f'.{path.name}.partial')
    with partial.open('wb') if binary else partial.open('w', encoding='utf-8') as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
