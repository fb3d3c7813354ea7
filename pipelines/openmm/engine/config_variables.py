"""Variables of an mm config that nothing reads where they are set, found without running it.

mmengine runs a base before its child, with variables of its own: ``train_pipeline = [...]`` in a child does not reach
the ``train_dataloader`` of its base. A variable lives if a later line of its file, or a child by ``_base_.name`` or
``{{_base_.name}}``, takes it into a key that is read.
"""
from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.openmm.engine.config_files import files

_SUBSTITUTED = re.compile(r'\{\{\s*_base_\.(\w+)')


@dataclass(frozen=True)
class Statement:
    """One line of a config: what it sets, and what it reads of its own file and of its bases."""
    sets: frozenset[str]
    own: frozenset[str]
    inherited: frozenset[str]
    line: int


def dead(path: Path, read: Collection[str]) -> list[tuple[Path, int, str]]:
    """(file, line, name) of variables that are set for nothing, in a config and its local bases.

    Args:
        path: the config.
        read: top-level keys that mmengine or a stage reads.
    """
    statements = {file: list(_statements(file)) for file in files(path)}
    above = {file: _ancestors(file) for file in statements}
    living: set[tuple[Path, str]] = set()
    waiting = [(file, name) for file, lines in statements.items() for line in lines for name in line.sets
               if name in read or name.startswith('_')]
    while waiting:
        file, name = waiting.pop()
        if (file, name) in living:
            continue
        living.add((file, name))
        for line in statements[file]:
            if name in line.sets:
                waiting += [(file, used) for used in line.own]
                waiting += [(base, used) for used in line.inherited for base in above[file]]
    return [(file, line.line, name) for file, lines in statements.items() for line in lines
            for name in sorted(line.sets) if (file, name) not in living]


def names(file: Path) -> frozenset[str]:
    """What a config's own lines set."""
    return frozenset(name for line in _statements(file) for name in line.sets)


def _ancestors(file: Path) -> list[Path]:
    return [above for above in files(file) if above != file.resolve()]


def _statements(file: Path) -> Iterator[Statement]:
    text = file.read_text(encoding='utf-8')
    lines = text.splitlines()
    for node in ast.parse(text).body:
        own, inherited = set(), set()
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == '_base_':
                inherited.add(part.attr)
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                own.add(part.id)
        source = '\n'.join(lines[node.lineno - 1:node.end_lineno])
        inherited.update(_SUBSTITUTED.findall(source))
        yield Statement(frozenset(_sets(node)), frozenset(own), frozenset(inherited), node.lineno)


def _sets(node: ast.stmt) -> Iterator[str]:
    """Names that a statement sets or changes: ``a = 1``, ``a[1].b = 1``, ``_base_.a.b = 1``, ``a.update()``."""
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                yield from _root(part)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _root(node.value.func)
    elif isinstance(node, (ast.For, ast.If, ast.With, ast.FunctionDef)):
        for inner in ast.walk(node):
            if inner is not node and isinstance(inner, ast.stmt):
                yield from _sets(inner)


def _root(node: ast.expr) -> Iterator[str]:
    last = ''
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            last = node.attr
        elif not isinstance(node, (ast.Subscript, ast.Starred)):
            return
        node = node.value
    yield last if node.id == '_base_' and last else node.id
