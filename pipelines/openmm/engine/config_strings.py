"""The strings of an mm config with a certain beginning, after its children have had their say, without running it."""
from __future__ import annotations

import ast
from pathlib import Path

from pipelines.openmm.engine.config_files import files


def strings(path: Path, beginning: str) -> list[str]:
    """Strings that a config and its local bases set and no child takes out again, each once, sorted.

    What is not written as plain ``dict(...)``, lists and constants takes nothing out: rather one too many is found.

    Args:
        path: the config.
        beginning: of the strings.
    """
    found: dict[tuple, str] = {}
    for file in files(path):
        for statement in ast.parse(file.read_text(encoding='utf-8')).body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                _merge(found, (statement.targets[0].id,), statement.value, beginning)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):  # a docstring
                found |= _below((file, statement.lineno), statement, beginning)
    return sorted(set(found.values()))


def _merge(found: dict[tuple, str], key: tuple, node: ast.expr, beginning: str) -> None:
    """Set a key, as mmengine merges a child into its base: dictionaries key by key, all else as a whole."""
    items = _items(node)
    computed = any(isinstance(part, ast.Name) and part.id != 'dict' for part in ast.walk(node))
    if '_delete_' in (items or ()) or items is None and not computed:
        for old in [old for old in found if old[:len(key)] == key]:
            del found[old]
    for name, value in (items or {}).items():
        _merge(found, (*key, name), value, beginning)
    if items is None:
        found.update(_below(key, node, beginning))


def _items(node: ast.expr) -> dict[str, ast.expr] | None:
    """Keys and values of ``dict(a=1)`` and ``{'a': 1}``; None for what is, or holds, more than that."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        if not node.args and all(keyword.arg for keyword in node.keywords):
            return {keyword.arg: keyword.value for keyword in node.keywords}
    elif isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        return {key.value: value for key, value in zip(node.keys, node.values)}
    return None


def _below(key: tuple, node: ast.AST, beginning: str) -> dict[tuple, str]:
    """All such strings in a piece of code."""
    return {(*key, number): part.value for number, part in enumerate(ast.walk(node))
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.startswith(beginning)}
