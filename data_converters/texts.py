"""Lists and tables as text, from strangers."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import InputError
from pipelines.core.files import read_whole

_BYTES = 1 << 30


def text(path: Path, remedy: str, limit: int = _BYTES) -> str:
    """A UTF-8 file, without a byte order mark.

    Raises:
        InputError: too long, or in another encoding.
    """
    try:
        return read_whole(path, limit).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = error.object[:error.start].count(b'\n') + 1
        raise InputError(f'{path}:{line}', expected='UTF-8', found=repr(error.object[error.start:error.end]),
                         remedy=f'save it as UTF-8, or {remedy}') from None
    except (FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise InputError(path, expected='a text file', found=str(error), remedy=remedy) from None


def lines(path: Path, remedy: str, limit: int = _BYTES) -> Iterator[tuple[str, str]]:
    """(file:line, line) of the lines that are not blank, without blanks around them.

    Raises:
        InputError: as `text`.
    """
    for number, line in enumerate(text(path, remedy, limit).splitlines(), start=1):
        if line.strip():
            yield f'{path}:{number}', line.strip()
