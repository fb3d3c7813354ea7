"""What a stage can know of an mm config without torch: its files, their hash, what they say together."""
from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import hashlib
import io
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.arguments import a_seed, whole
from pipelines.core.errors import InputError
from pipelines.core.workspace import Workspace
from pipelines.openmm.engine import config_imports

if TYPE_CHECKING:
    from mmengine import Config

COMPARED_WITH = 'compared_with'
PRETRAINING = 'pretraining'
GIVEN = ('FGIC_DATA_ROOT', 'FGIC_NUM_CLASSES', 'FGIC_IMAGES')  # environment variables that a stage sets for a config
_VARIABLE = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:')  # as mmengine finds them


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
        for base in _bases(config, tree):
            visit(base, config)
        if config not in found:
            found.append(config)

    visit(path.resolve(), None)
    return found


def _bases(config: Path, tree: ast.Module) -> list[Path]:
    """The local files that a config names in ``_base_``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '_base_':
            try:
                named = ast.literal_eval(node.value)
            except ValueError:
                raise InputError(f'{config}:{node.lineno}', expected='_base_ as a string or a list of strings',
                                 found=ast.unparse(node.value), remedy='write the paths out') from None
            named = [named] if isinstance(named, str) else named
            return [(config.parent / base).resolve() for base in named if '::' not in base]
    return []


def parent(path: Path) -> Path | None:
    """The config that an ablation changes: its only base; None for a config that is put together of several."""
    bases = _bases(path, ast.parse(path.read_text(encoding='utf-8')))
    return bases[0] if len(bases) == 1 else None


def shown(path: Path) -> str:
    """How a manifest names a config: relative to the repository, or by its name alone where it lies outside."""
    root = Path(__file__).resolve().parents[3]
    return path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else path.name


def _is_remark(node: ast.stmt, unread: Collection[str]) -> bool:
    """A docstring, or a key that is not read."""
    if isinstance(node, ast.Assign):
        return getattr(node.targets[0], 'id', '') in unread
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


def is_pretraining(path: Path) -> bool:
    """Whether a config or its bases say ``pretraining = True``: its rows are only a start for others."""
    said = any(PRETRAINING in file.read_text(encoding='utf-8') for file in files(path))
    return said and bool(read(path).get(PRETRAINING))


def digest(path: Path, options: Collection[str] | None = None, *, unread: Collection[str] = ()) -> str:
    """SHA-256 of what a config and its bases say, with the environment variables they read (``{{$LR:0.01}}``) and the
    code of the modules they import.

    Comments, docstrings and layout do not count. A config whose text does not decide what it says, as it imports or
    opens something, is resolved for it.

    Args:
        options: ``key=value`` overrides from the command line; of two that set one key the later holds.
        unread: top-level keys that do not count either, besides `COMPARED_WITH`, which concerns a table only.
    """
    unread = {*unread, COMPARED_WITH}
    options = _in_order(options or (), unread)
    total = hashlib.sha256(repr(options).encode())
    trees = []
    for file in files(path):
        trees.append(tree := ast.parse(file.read_text(encoding='utf-8')))
        tree.body = [node for node in tree.body if not _is_remark(node, unread)]
        total.update(f'{file.name}\n{ast.dump(tree)}\n'.encode())
        if any(map(_reads_more, ast.walk(tree))):
            total.update(_resolved(path, unread).encode())
    total.update((repr(environment(path)) + config_imports.digest(trees, options)).encode())
    return total.hexdigest()


def _in_order(options: Collection[str], unread: Collection[str]) -> list[str]:
    """Overrides that are read, sorted; as they were given where one sets what another one sets, too."""
    said = [option for option in options if option.partition('=')[0].partition('.')[0] not in unread]
    keys = [option.partition('=')[0] + '.' for option in said]
    over = any(i != j and one.startswith(other) for i, one in enumerate(keys) for j, other in enumerate(keys))
    return said if over else sorted(said)


def environment(path: Path) -> dict[str, str]:
    """The environment variables that a config and its bases read and that are set; without `GIVEN`."""
    return {name: os.environ[name] for name in sorted(variables(path)) if name in os.environ and name not in GIVEN}


def variables(path: Path) -> set[str]:
    """The environment variables that a config and its bases read."""
    return {name for file in files(path) for name in _VARIABLE.findall(file.read_text(encoding='utf-8'))}


@functools.cache
def _read_model_indices_once() -> None:
    """mmengine parses a library's hundreds of YAML files again for every base in it: 0.5 s of the 0.6 s of a load."""
    from mmengine.config import utils

    utils.load = functools.cache(utils.load)


def read(path: Path, options: Collection[str] = ()) -> Config:
    """What a config and its bases say together. mmengine imports torch only where a variable is to be filled in.

    Args:
        options: ``key=value`` overrides from the command line.
    Raises:
        InputError: an unreadable config, or an override without a value.
    """
    from mmengine.config import Config, DictAction

    _read_model_indices_once()
    if any(name in os.environ for name in variables(path)):
        from mmengine.logging import MMLogger
        MMLogger.get_current_instance().setLevel('WARNING')  # or it prints every variable
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # what a config imports says what optional parts it lacks
            cfg = Config.fromfile(str(path), lazy_import=False)
    except (OSError, SyntaxError, KeyError, AttributeError, NameError, TypeError, ImportError) as error:
        raise InputError(path, expected='an mm config', found=f'{type(error).__name__}: {error}',
                         remedy='compare it with its neighbours in mm_configs/') from None
    overrides = {}
    for option in options:
        key, separator, value = option.partition('=')
        if not separator:
            raise InputError('--cfg-options', expected='key=value', found=option, remedy='e.g. train_cfg.max_epochs=3')
        overrides[key] = DictAction._parse_iterable(value)
    cfg.merge_from_dict(overrides)
    return cfg


def parameters(path: Path, options: Collection[str] | None = None, *, unread: Collection[str] = ()) -> dict:
    """What a manifest says of a config: its name, `digest`, overrides and environment variables in words.

    Args:
        options, unread: as for `digest`.
    """
    said = _in_order(options or (), unread)
    return dict(config=shown(path), config_sha256=digest(path, said, unread=unread),
                **({'options': said} if said else {}),
                **({'environment': found} if (found := environment(path)) else {}))


def _reads_more(node: ast.AST) -> bool:
    """Whether a part of a config can say another thing with the same text."""
    return isinstance(node, (ast.Import, ast.ImportFrom)) or isinstance(node, ast.Call) and \
        getattr(node.func, 'id', '') in ('open', 'eval', 'exec', '__import__')


def _resolved(path: Path, unread: Collection[str]) -> str:
    return repr(sorted((key, value) for key, value in read(path).to_dict().items() if key not in unread))


def add_arguments(parser: argparse.ArgumentParser, stage: str, *, required: bool = True) -> None:
    """What every stage that trains one config asks for; `model_dir` reads it."""
    parser.add_argument('--model-dir', type=Path,
                        help=f'for what training leaves (default: OUT/../models/{stage}/RECIPE)')
    parser.add_argument('--config', required=required, metavar='RECIPE',
                        help=f'name of a config in mm_configs/{stage}, or the path of one')
    parser.add_argument('--seed', type=a_seed, default=0, help='(default: 0)')
    parser.add_argument('--gpus', type=whole(1), default=1, help='processes to work with (default: 1)')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides of config keys')


def model_dir(args: argparse.Namespace, work: Path, stage: str) -> Path:
    """Where a training lies, by the arguments of `add_arguments`."""
    return args.model_dir or Workspace(work).model(stage, Path(args.config).stem)
