"""Which line of which file gives a key of an mm config its value, so that a fault can be mended where it is."""
from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pipelines.openmm.engine.config_files import files

Steps = tuple[str, ...]


def find(path: Path, key: str) -> tuple[Path, int] | None:
    """The file, of a config and its local bases, and the line that set a key; the child's where several do.

    Args:
        path: the config.
        key: dotted; list elements by number: ``train_dataloader.dataset.pipeline.1.scale``.
    Returns:
        where no line names the whole key, the one that names most of it (it sets a container of the value); None where
        no local file names its beginning, as for what a library's base says.
    """
    steps, best = tuple(key.split('.')), (0, 0)
    where = None
    for file in reversed(files(path)):
        found = _Settings(ast.parse(file.read_text(encoding='utf-8'))).look_up(steps)
        if found[0] > best[0]:
            best, where = found, file
    return (where, best[1]) if where else None


def place(path: Path, key: str) -> str:
    """``file:line, key`` for an error; where no local file sets the key, ``file, key`` of the config itself."""
    found = find(path, key)
    if found is None:
        return f'{path}, {key}'
    return f'{shown(found[0])}:{found[1]}, {key}'


def shown(file: Path) -> Path:
    """A path as an error names it: from the working directory, or whole where it lies outside."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


class _Settings:
    """The assignments of one file. A look-up gives how many steps of a key were followed and the line reached."""

    def __init__(self, tree: ast.Module) -> None:
        self.rows = [row for statement in tree.body for row in self._rows(statement)]

    @staticmethod
    def _rows(statement: ast.stmt) -> Iterator[tuple[Steps, ast.expr]]:
        """(key, value) of ``a = 1``, ``a, b = 1, 2``, ``_base_.a[1].b = 1``, ``a[1:2] = [1]`` and ``a.update(c=1)``."""
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                value = statement.value
                values = value.elts if isinstance(value, (ast.List, ast.Tuple)) else None
                if isinstance(target, ast.Tuple):
                    yield from zip(map(_chain, target.elts), values or [value] * len(target.elts))
                elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
                    start = getattr(target.slice.lower, 'value', 0)
                    yield from (((*_chain(target.value), str(start + i)), part) for i, part in enumerate(values or []))
                else:
                    yield _chain(target), value
        elif isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr == 'update':
                yield _chain(call.func.value), call

    def look_up(self, steps: Steps) -> tuple[int, int]:
        best = (0, 0)
        for key, value in self.rows:
            if key and steps[:len(key)] == key:
                depth, line = self._follow(value, steps[len(key):])
                best = max(best, (len(key) + depth, line))  # of equals the later line: it wins in Python too
        return best

    def _follow(self, node: ast.expr, steps: Steps) -> tuple[int, int]:
        here = (0, node.lineno)
        if not steps:
            return here
        if isinstance(node, ast.Name):
            depth, line = self.look_up((node.id, *steps))
            return (depth - 1, line) if depth > 1 else here
        if isinstance(node, ast.BinOp):  # [dict(...)] * 3
            return self._follow(node.left.elts[0] if isinstance(node.left, ast.List) else node.left, steps)
        if isinstance(node, ast.ListComp):
            return self._follow(node.elt, steps)
        if isinstance(node, ast.Call):
            best = max((self._follow(argument, steps) for argument in node.args), default=here)
            for keyword in node.keywords:
                if keyword.arg == steps[0]:
                    depth, line = self._follow(keyword.value, steps[1:])
                    best = max(best, (1 + depth, line if depth else keyword.lineno))
            return best if best[0] else here
        if isinstance(node, (ast.List, ast.Tuple)) and steps[0].isdigit():
            elements = self._elements(node)
            if int(steps[0]) < len(elements):
                depth, line = self._follow(elements[int(steps[0])], steps[1:])
                return 1 + depth, line
        return here

    def _elements(self, node: ast.List | ast.Tuple) -> list[ast.expr]:
        found: list[ast.expr] = []
        for element in node.elts:
            if isinstance(element, ast.Starred) and isinstance(element.value, ast.Name):
                value = next((value for key, value in self.rows if key == (element.value.id,)), element.value)
                found += self._elements(value) if isinstance(value, (ast.List, ast.Tuple)) else [value]
            else:
                found.append(element)
        return found


def _chain(node: ast.expr) -> Steps:
    """``_base_.a.b[1].c`` -> a, b, 1, c; empty for what is no such chain."""
    if isinstance(node, ast.Name):
        return () if node.id == '_base_' else (node.id,)
    if isinstance(node, ast.Attribute):
        return (*_chain(node.value), node.attr)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return (*_chain(node.value), str(node.slice.value))
    return ()
