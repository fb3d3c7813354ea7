"""A digest of the code that makes a result: a file of ours, and all of ours that it imports."""
from __future__ import annotations

import functools
import hashlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_OURS = ('pipelines', 'data_converters', 'tools')
# Imports wherever they stand: frameworks are imported inside functions. Text is read, not parsed: 80 files in 10 ms.
_IMPORT = re.compile(r'^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)|import[ \t]+([^\n]+))',
                     re.MULTILINE)
_NAMED = re.compile(rf"""import_module\(['"]((?:{'|'.join(_OURS)})(?:\.\w+)+)['"]""")
_REMARK = re.compile(r'^[ \t]*(?:#[^\n]*)?\n', re.MULTILINE)


def of(build: Callable[..., Any]) -> str:
    """The digest for the function that makes a result."""
    file = Path(inspect.unwrap(getattr(build, 'func', build)).__code__.co_filename)
    return digest(file if file.is_file() else Path(__file__))  # typed into an interpreter


@functools.cache
def digest(file: Path, root: Path = _ROOT, *, ours: bool = True) -> str:
    """SHA-256 of a source file and of every module of ours that it imports, and those import; lines that are blank or
    only a comment do not count.

    Args:
        root: where the modules are.
        ours: whether this project's modules count, or all others that are there.
    """
    total = hashlib.sha256()
    for path in sorted(sources(file, root, ours=ours)):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        total.update(f'{name}\n{_REMARK.sub("", _text(path))}\n'.encode())
    return total.hexdigest()


def sources(file: Path, root: Path = _ROOT, *, ours: bool = True) -> set[Path]:
    """The files that `digest` is of."""
    found: set[Path] = set()
    waiting = [file.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path, root, ours)
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding='utf-8') + '\n'


@functools.cache
def _imported(path: Path, root: Path, ours: bool) -> tuple[Path, ...]:
    """The modules below a root that a file imports: ours, or the others."""
    text = _text(path)
    names = set(_NAMED.findall(text))
    for package, members, plain in _IMPORT.findall(text):
        if package:
            words = re.findall(r'(\w+)(?:[ \t]+as[ \t]+\w+)?', re.sub(r'#[^\n]*', '', members))
            names |= {package, *(f'{package.rstrip(".")}.{word}' if package.strip('.') else package + word
                                 for word in words)}
        else:
            names |= {part.split()[0] for part in plain.split(',') if part.split()}
    files = set()
    for name in names:
        if ours == (root == _ROOT and name.split('.')[0] in _OURS):
            dots = len(name) - len(name.lstrip('.'))  # from .part import x
            place = (path.parents[dots - 1] if dots else root).joinpath(*name.lstrip('.').split('.'))
            files |= {file for file in (place.with_suffix('.py'), place / '__init__.py') if file.is_file()}
    return tuple(files)
