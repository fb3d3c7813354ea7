"""Names that strangers gave and that are about to become paths."""
from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from pipelines.core.errors import InputError

_BYTES = 240  # of one part; file systems hold 255, and a file is written as .NAME.0123.partial
_FAULTS = dict(absolute='an absolute path', backslash='a backslash', control='a control character',
               coding='characters that are no text', dots='an empty part, . or ..')
_FAULTY = re.compile(r'(?P<absolute>\A(?:/|[A-Za-z]:))|(?P<backslash>\\)|(?P<control>[\x00-\x1f\x7f-\x9f])|'
                     r'(?P<coding>[\ud800-\udfff])|(?P<dots>(?:\A|/)\.{0,2}(?=/|\Z))')


def fault(name: object) -> str | None:
    """Why a name must not become a path below some folder; None where it may. Blanks, ``%s``, quotes are all right."""
    if not isinstance(name, str):
        return 'no text'
    if found := _FAULTY.search(name):
        return _FAULTS[str(found.lastgroup)]
    if len(name) > _BYTES // 4 and (len(name.encode()) > 1000 or any(len(part.encode()) > _BYTES
                                                                     for part in name.split('/'))):
        return f'longer than 1000 bytes, or {_BYTES} between slashes'
    return None


def check(name: str, where: str | Path, *, expected: str, remedy: str) -> str:
    """A relative path that stays below its folder, on any system, and has one spelling.

    Raises:
        InputError: an absolute path, ``C:``, backslashes, ``.`` and ``..``, empty parts, control characters, what is
            no Unicode text, or too long a part.
    """
    if why := fault(name):
        raise InputError(where, expected=expected, found=f'{name!r:.120} ({why})', remedy=remedy)
    return name


def key(name: str) -> str:
    """Equal for names that are one file on some file system, extensions left out: upper and lower case, NFC and NFD."""
    return unicodedata.normalize('NFC', os.path.splitext(name)[0].casefold())
