"""Pretrained weights by name: ``weights://resnet50_imagenet1k`` in a config.

A name of `table.TABLE` is looked up in the mirror folder (``WEIGHTS``), in the cache and, where a package of the lock
holds its file, in that, then downloaded into the cache. A file is used only if its SHA-256 begins as the table says,
or, where the table says nothing, as the user stated in a file beside it (``FILE.sha256``, as `sha256sum` writes them).
Loading it executes nothing in it, and gives its tensors the names of the OpenMMLab model they are for.
"""
from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputError
from pipelines.core.fingerprint import sha256
from pipelines.openmm.engine import config_files
from pipelines.openmm.engine.config import walk
from pipelines.openmm.weights.download import download
from pipelines.openmm.weights.table import TABLE, Weights

SCHEME = 'weights://'
MIRROR = 'FGIC_WEIGHTS'  # environment variable: folder with the files of the table
REINSTALL = f'rm -f {sys.prefix}/fgic-*.ok && make setup'
GIVE = f'make WEIGHTS=FOLDER, or {MIRROR}=FOLDER in the environment of a stage\'s own command'


def folders() -> list[Path]:
    """Where files are looked up: the mirror, where one is given, then the cache."""
    cache = Path(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')) / 'fgic' / 'weights'
    return [Path(folder) for folder in (os.environ.get(MIRROR), cache) if folder]


def row(name: str) -> Weights:
    """A row of the table.

    Raises:
        InputError: an unknown name.
    """
    if name not in TABLE:
        raise InputError(f'{SCHEME}{name}', expected='one of ' + ', '.join(TABLE), found=name,
                         remedy='correct the config; the table is in pipelines/openmm/weights/table.py')
    return TABLE[name]


def present(name: str) -> Path | None:
    """The file of a name, unchecked; None: it is not on this machine."""
    weights = row(name)
    places = [folder / weights.file for folder in folders()] + _packaged(weights)
    return next((path for path in places if path.is_file()), None)


def _packaged(weights: Weights) -> list[Path]:
    """The file of a row among those of its installed package."""
    if not weights.package:
        return []
    try:
        files = metadata.distribution(weights.package).files or []
    except metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files if file.name == weights.file]


def _statement(path: Path) -> Path:
    """Where the user states the SHA-256 of a file."""
    return path.with_name(f'{path.name}.sha256')


def stated(name: str, path: Path) -> str:
    """What the SHA-256 of a file has to begin with, as the table or the user says; empty where neither does."""
    if row(name).sha256 or not _statement(path).is_file():
        return row(name).sha256
    return (_statement(path).read_text(encoding='utf-8').split() or [''])[0]


def replace_with(name: str, path: Path) -> str:
    """The command after which a wrong file can be had anew."""
    package = row(name).package
    if package and path.parent not in folders():
        return f'{sys.executable} -m pip uninstall -y {package} && {REINSTALL}'
    return f'rm {path}'


def check_file(name: str, path: Path, digest: str) -> None:
    """Raises:
        InputError: the file's SHA-256 begins with something else.
    """
    found = sha256(path)
    if not found.startswith(digest):
        raise InputError(path, expected=f'SHA-256 {digest}', found=found, remedy=replace_with(name, path))


def fetch(name: str, digest: str | None = None) -> Path:
    """The checked file of a name, downloaded where it is not there.

    Args:
        digest: the SHA-256 that the user states where the table has none; empty: the one that the file turns out to
            have, if it can be read. It is written beside the file, which is checked against it from then on.
    Raises:
        InputError: no file and no way to get one, or a file with another SHA-256, or with one that nobody stated.
    """
    weights, path = row(name), present(name)
    target = path or folders()[-1] / weights.file
    wanted = stated(name, target)
    if not wanted and digest is None:
        raise InputError(f'{SCHEME}{name}', expected=f'the SHA-256 of {weights.file}, to check it against',
                         found='none published that we know of',
                         remedy=f'state it: python -m tools.weights {name} --sha256 HEX (docs/weights.md)')
    if not path and not weights.urls:
        raise InputError(f'{SCHEME}{name}', expected=f'the file {weights.file}',
                         found='none in ' + ' or '.join(map(str, folders())),
                         remedy=f'install {weights.package}: {REINSTALL}' if weights.package else
                         f'give the folder that holds it: {GIVE} (docs/weights.md)')
    if not path:
        download(weights.urls, target, digest=wanted or str(digest),
                 otherwise=f'; or give a folder that holds it: {GIVE}')
    for expected in filter(None, (wanted, digest)):
        check_file(name, target, expected)
    if not wanted:
        load(target)  # or half a file would be stated
        _statement(target).write_text(f'{sha256(target)}  {target.name}\n', encoding='utf-8')
    return target


@functools.lru_cache
def resolve(name: str) -> Path:
    """`fetch`, once per process, of files whose SHA-256 is known."""
    return fetch(name)


def named(config: Path) -> list[str]:
    """Names that a config asks for, as its bases and it say together; without torch."""
    if not any(SCHEME in file.read_text(encoding='utf-8') for file in config_files.files(config)):
        return []
    return list(_named(config.resolve(), config_files.digest(config)))


@functools.lru_cache
def _named(config: Path, digest: str) -> tuple[str, ...]:
    """Sorted; ``digest`` tells a config that was edited from what it was."""
    found = (value for _, value in walk(config_files.read(config).to_dict()))
    return tuple(sorted({value.removeprefix(SCHEME) for value in found
                         if isinstance(value, str) and value.startswith(SCHEME)}))


def check(config: Path, options: Iterable[str] = ()) -> dict[str, Path]:
    """The checked files of all weights that a config, its bases and ``key=value`` overrides of it ask for, as
    `manifest.produce` takes them."""
    said = [name for option in options for name in re.findall(rf'{SCHEME}(\w+)', option)]
    return {f'weights/{name}': resolve(name) for name in [*named(config), *said]}


def load(path: Path) -> dict[str, Any]:
    """The state dict in a file, or in a checkpoint's ``state_dict``, without executing anything in it.

    Raises:
        InputError: not there, or it holds more than tensors and plain values.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == '.safetensors':
            return load_file(path)
        content = torch.load(path, map_location='cpu', weights_only=True)
        return content.get('state_dict', content)
    except FileNotFoundError:
        raise InputError(path, expected='a weight file', found='nothing', remedy='correct the path') from None
    except Exception as error:  # on damaged bytes torch raises nearly anything: KeyError, struct.error, AssertionError
        found = f'{type(error).__name__}: {error}'.split('\n')[0]
        raise InputError(path, expected='a file of tensors and plain values', found=found,
                         remedy='trust its source? then save it as a plain state dict') from None


def state(name: str) -> dict[str, Any]:
    """The tensors of a name, by the names they have in the OpenMMLab model it is for.

    Raises:
        InputError: as `fetch`, `load` and the conversion.
    """
    content = load(resolve(name))
    if not row(name).conversion:
        return content
    return importlib.import_module(f'pipelines.openmm.weights.conversions.{row(name).conversion}').convert(content)


def register() -> None:
    """Teach mmengine the scheme ``weights://``."""
    from mmengine.runner.checkpoint import CheckpointLoader

    @CheckpointLoader.register_scheme(prefixes=SCHEME, force=True)
    def load_named(filename: str, map_location: Any = None) -> dict[str, Any]:
        return state(filename.removeprefix(SCHEME))
