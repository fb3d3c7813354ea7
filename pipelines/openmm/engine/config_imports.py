"""The modules that an mm config imports, by a digest of their code: they decide a result as its own lines do."""
from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from pipelines.core import code

_KEY = 'custom_imports'
_OURS = Path(__file__).resolve().parents[3]


def digest(trees: Iterable[ast.Module], options: Iterable[str] = ()) -> str:
    """Of the user's modules, what they import of what lies beside them; of installed packages, the version.

    This project's modules are left out: a manifest records its code apart.

    Args:
        trees: of the config and its bases.
        options: ``key=value`` overrides.
    Returns:
        empty where no such module is imported.
    """
    names = {name for tree in trees for statement in tree.body for name in _named(statement)}
    names.update(name for option in options if option.startswith(_KEY)
                 for name in re.findall(r'[\w.]+', option.partition('=')[2]))
    found = sorted(f'{name} {said}' for name in names if (said := _code(name)))
    return hashlib.sha256('\n'.join(found).encode()).hexdigest() if found else ''


def _named(statement: ast.stmt) -> Iterator[str]:
    """Modules that a statement imports, or has mmengine import; among them may be words that are none."""
    parts = list(ast.walk(statement))
    for part in parts:
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module:
            yield from (part.module, *(f'{part.module}.{alias.name}' for alias in part.names))
    if any(_KEY in (getattr(part, 'id', ''), getattr(part, 'attr', ''), getattr(part, 'arg', '')) for part in parts):
        yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _code(name: str) -> str:
    """What a module's code is; empty for one of Python's own, one of ours, or none."""
    top, *below = name.split('.')
    try:
        spec = importlib.util.find_spec(top)  # the outermost package alone: nothing is run for that
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return ''
    origin = next(iter(spec.submodule_search_locations or ()), spec.origin if spec.has_location else None)
    if origin is None:
        return ''
    root = Path(origin).resolve().parent
    paths = {key: Path(path).resolve() for key, path in sysconfig.get_paths().items()}
    if root in (paths['purelib'], paths['platlib']):
        return ' '.join(f'{package} {metadata.version(package)}'
                        for package in sorted(metadata.packages_distributions().get(top, ())))
    if root.is_relative_to(paths['stdlib']) or root == _OURS and top in ('pipelines', 'tools', 'data_converters'):
        return ''
    place = root.joinpath(top, *below)
    files = [file for file in (place.with_suffix('.py'), place / '__init__.py') if file.is_file()]
    packages = [root.joinpath(top, *below[:number]) / '__init__.py' for number in range(len(below))]
    return ' '.join(code.digest(file, root, ours=False) for file in [*filter(Path.is_file, packages), *files])
