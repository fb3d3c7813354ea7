"""What a stage can know of an mm config without importing mmengine: the files it is made of, and their hash."""
from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from pipelines.core.errors import InputError

COMPARED_WITH = 'compared_with'


def files(path: Path) -> list[Path]:
    """A config and all its local bases, bases first, each once. Bases in a library (``mmdet::...``) are left out.

    Raises:
        InputError: a file that is not there or is no Python.
    """
    found: list[Path] = []

    def visit(config: Path, child: Path | None) -> None:
        try:
            tree = ast.parse(config.read_text(encoding='utf-8'))
        except (FileNotFoundError, IsADirectoryError):
            raise InputError(child or config, expected=f'the config {config}', found='nothing',
                             remedy='correct the path; the configs are in mm_configs/') from None
        except SyntaxError as error:
            raise InputError(f'{config}:{error.lineno}', expected='a Python config', found=error.msg,
                             remedy='mend that line') from None
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '_base_':
                try:
                    bases = ast.literal_eval(node.value)
                except ValueError:
                    raise InputError(f'{config}:{node.lineno}', expected='_base_ as a string or a list of strings',
                                     found=ast.unparse(node.value), remedy='write the paths out') from None
                for base in [bases] if isinstance(bases, str) else bases:
                    if '::' not in base:
                        visit((config.parent / base).resolve(), config)
        if config not in found:
            found.append(config)

    visit(path.resolve(), None)
    return found


def shown(path: Path) -> str:
    """How a manifest names a config: relative to the repository, or by its name alone where it lies outside."""
    root = Path(__file__).resolve().parents[2]
    return path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else path.name


def _is_remark(node: ast.stmt) -> bool:
    """A docstring, or what a row of classify's table is compared with: nothing is trained otherwise for it."""
    if isinstance(node, ast.Assign):
        return getattr(node.targets[0], 'id', '') == COMPARED_WITH
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def title(path: Path) -> str:
    """The first line of a config's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or path.stem
    return docstring.splitlines()[0].rstrip('.')


def compared_with(path: Path) -> str | None:
    """What a config itself, not a base, says in ``compared_with = 'row'``."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == COMPARED_WITH:
            return ast.literal_eval(node.value)
    return None


def digest(path: Path, options: list[str] | None = None) -> str:
    """SHA-256 of what a config and its bases say; comments, docstrings and layout do not count.

    Args:
        options: ``key=value`` overrides from the command line.
    """
    total = hashlib.sha256(repr(sorted(options or [])).encode())
    for file in files(path):
        tree = ast.parse(file.read_text(encoding='utf-8'))
        tree.body = [node for node in tree.body if not _is_remark(node)]
        total.update(f'{file.name}\n{ast.dump(tree)}\n'.encode())
    return total.hexdigest()
