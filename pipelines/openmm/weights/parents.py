"""Weights of another row: ``model://resnet50`` or ``model://resnet50@square`` in a classifier's config.

Behind the scheme stands a row: a recipe beside the config that names it, one of mm_configs/classify, or a path; without
an @ it sees the images of the row that starts from it. Meant is the ``model.pth`` of that row and the same seed, which
is trained before, with the same overrides; ``config.py`` lies beside it. Configs name it wherever they name weights:

    load_from = 'model://simclr_resnet50'
    model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='model://resnet50', prefix='backbone')))
    model = dict(teacher='model://resnet50')

A config keeps the name; `resolve` puts the file into its place for a training alone. What only uses a trained network
needs no parent.
"""
from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import InputError
from pipelines.core.rows import Images, Row, recipe
from pipelines.openmm.engine import config_files, config_lines
from pipelines.openmm.engine.config import walk

if TYPE_CHECKING:
    from mmengine import Config

SCHEME = 'model://'
_OPTION = re.compile(rf'{SCHEME}([^\s,\'")\]}}]+)')


@dataclass(frozen=True)
class Parent:
    """A row that another one starts from.

    Args:
        name: as the config spells it, behind the scheme.
        where: the line of the config that says it.
        row: which that is.
    """
    name: str
    where: str
    row: Row


def of(row: Row, options: Sequence[str] = ()) -> list[Parent]:
    """The rows that a row starts from, as its config, its bases and ``key=value`` overrides say.

    Raises:
        InputError: no such recipe, or other images than there can be; it names the line.
    """
    said = [(config_lines.place(row.config, key), name) for key, name in _named(row.config)]
    said += [(f'--cfg-options, {option.partition("=")[0]}', name) for option in options
             for name in _OPTION.findall(option)]
    return [_parent(row, where, name) for where, name in said]


def _named(config: Path) -> tuple[tuple[str, str], ...]:
    if not any(SCHEME in file.read_text(encoding='utf-8') for file in config_files.files(config)):
        return ()
    return _read(config.resolve(), config_files.digest(config))


@functools.lru_cache
def _read(config: Path, digest: str) -> tuple[tuple[str, str], ...]:
    """(key, name), by key; ``digest`` tells a config that was edited from what it was."""
    return tuple((key, value.removeprefix(SCHEME)) for key, value in walk(config_files.read(config).to_dict())
                 if isinstance(value, str) and value.startswith(SCHEME))


def _parent(row: Row, where: str, name: str) -> Parent:
    short, at, images = name.partition('@')
    near = [] if '/' in short else [file.parent / f'{short.removesuffix(".py")}.py'
                                    for file in reversed(config_files.files(row.config))]
    try:
        path = next((path for path in near if path.is_file()), None) or recipe(short, 'classify')
        return Parent(name, where, Row(path, Images.parse(images) if at else row.images))
    except InputError as error:
        raise InputError(f'{where}, {SCHEME}{name}', **{
            part: error.parts[part] for part in ('expected', 'found', 'remedy')}) from None


def ancestors(row: Row, options: Sequence[str] = ()) -> list[Row]:
    """All rows that have to be trained before a row, each once, in an order in which they can be trained.

    Raises:
        InputError: as `of`; or a row that starts, by way of others, from itself.
    """
    found: dict[str, Row] = {}

    def visit(one: Row, below: tuple[str, ...]) -> None:
        for parent in of(one, options):
            chain = (*below, parent.row.name)
            if parent.row.name in below:
                raise InputError(f'{parent.where}, {SCHEME}{parent.name}', expected='a row that does not start from '
                                 f'{one.name} itself', found=' -> '.join(chain), remedy='name another row there')
            visit(parent.row, chain)
            found.setdefault(parent.row.name, parent.row)

    visit(row, (row.name,))
    return list(found.values())


def resolve(cfg: Config, files: Mapping[str, Path]) -> None:
    """Put the parents' files into the places of a config that name them.

    Args:
        files: by the name behind the scheme, ``model.pth``.
    Raises:
        InputError: a name without a file.
    """
    def replaced(node: Any) -> Any:
        for key, value in _items(node):
            if isinstance(value, str) and value.startswith(SCHEME):
                node[key] = str(file(value.removeprefix(SCHEME), files).absolute())
            else:
                replaced(value)

    replaced(cfg._cfg_dict)


def _items(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        yield from list(node.items())
    elif isinstance(node, list):
        yield from enumerate(node)


def file(name: str, files: Mapping[str, Path]) -> Path:
    """The file of a parent.

    Raises:
        InputError: it is not there.
    """
    if name not in files or not files[name].is_file():
        raise InputError(f'{SCHEME}{name}', expected='the model.pth of that row, trained with the same seed',
                         found=str(files.get(name, 'nothing')), remedy=f'train it first: make classify ROWS={name}')
    return files[name]


def is_file(source: Any) -> bool:
    """Whether weights are those of another row, resolved: a network with this in its config is to be trained."""
    return isinstance(source, (str, Path)) and Path(source).name == 'model.pth' and not str(source).startswith(SCHEME)


def config_of(model: str | Path) -> Config:
    """The ``config.py`` that a parent was trained with; its modules are imported.

    Raises:
        InputError: it is not there.
    """
    return config_files.read(Path(model).with_name('config.py'))


def inputs_of(model: str | Path) -> dict[str, Any]:
    """How a parent's inputs are normalised: ``mean``, ``std`` and ``to_rgb``, as its config says."""
    cfg = config_of(model)
    said = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    return {key: said.get(key) for key in ('mean', 'std', 'to_rgb')}
