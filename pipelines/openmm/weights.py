"""Pretrained weights by name: ``weights://mobilenet_v2_imagenet1k`` in a config.

A name is looked up in the mirror folder (``WEIGHTS``) and in the cache, then downloaded into the cache. A file is used
only if its SHA-256 begins as the table says, and loading it executes nothing (``weights_only=True``).
"""
from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core.configs import files
from pipelines.core.errors import InputError
from pipelines.core.manifest import sha256

SCHEME = 'weights://'
MIRROR = 'FGIC_WEIGHTS'  # environment variable: folder with the files of the table
GIVE = f'make WEIGHTS=FOLDER, or {MIRROR}=FOLDER in the environment of a stage\'s own command'


@dataclass(frozen=True)
class Weights:
    """One row: file name, leading hex digits of its SHA-256, licence, and where to download it (None: nowhere)."""
    file: str
    sha256: str
    licence: str
    url: str | None = None


_TORCHVISION = 'https://download.pytorch.org/models/'
TABLE = {
    'mobilenet_v2_imagenet1k': Weights(
        'mobilenet_v2_imagenet1k.pth', '4f4d2f38e564d8ae0c300f5452d64e28dcaabe75b5256e9e6409d376ae9b086d',
        'Apache-2.0'),
    **{name: Weights(file, file.rsplit('-', 1)[1][:8], 'BSD-3-Clause', _TORCHVISION + file) for name, file in {
        'resnet18_imagenet1k': 'resnet18-f37072fd.pth',
        'resnet50_imagenet1k': 'resnet50-0676ba61.pth',
        'resnet101_imagenet1k': 'resnet101-63fe2227.pth',
        'resnext101_32x8d_imagenet1k': 'resnext101_32x8d-8ba56ff5.pth',
    }.items()},
}


def cache_folder() -> Path:
    return Path(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')) / 'fgic' / 'weights'


@functools.lru_cache
def resolve(name: str) -> Path:
    """The checked file of a name of `TABLE`.

    Raises:
        InputError: an unknown name, no file and no way to get one, or a file with another SHA-256.
    """
    if name not in TABLE:
        raise InputError(f'{SCHEME}{name}', expected='one of ' + ', '.join(TABLE), found=name,
                         remedy='correct the config; the table is in pipelines/openmm/weights.py')
    row, mirror = TABLE[name], os.environ.get(MIRROR)
    places = [Path(folder) / row.file for folder in (mirror, cache_folder()) if folder]
    path = next((place for place in places if place.is_file()), None)
    if path is None and row.url:
        from torch.hub import download_url_to_file

        path = places[-1]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            download_url_to_file(row.url, str(path), hash_prefix=row.sha256)
        except (OSError, RuntimeError) as error:
            raise InputError(row.url, expected='a download', found=str(error),
                             remedy=f'put {row.file} into a folder and give it: {GIVE}') from None
    if path is None:
        raise InputError(f'{SCHEME}{name}', expected=f'the file {row.file}',
                         found='none in ' + ' or '.join(str(place.parent) for place in places),
                         remedy=f'give the folder that holds it: {GIVE} (docs/weights.md)')
    found = sha256(path)
    if not found.startswith(row.sha256):
        raise InputError(path, expected=f'SHA-256 {row.sha256}', found=found,
                         remedy='delete that file and fetch it again')
    return path


def named(config: Path) -> list[str]:
    """Names that a config and its bases ask for, as written in the text: also one that a child takes out again."""
    import re

    found = {name for file in files(config) for name in re.findall(rf'{SCHEME}(\w+)', file.read_text(encoding='utf-8'))}
    return sorted(found)


def load(path: Path) -> dict[str, Any]:
    """A state dict or checkpoint from a file, without executing anything in it.

    Raises:
        InputError: not there, or it holds more than tensors and plain values.
    """
    import pickle

    import torch

    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise InputError(path, expected='a weight file', found='nothing', remedy='correct the path') from None
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(path, expected='a file of tensors and plain values', found=str(error).split('\n')[0],
                         remedy='trust its source? then save it as a plain state dict') from None


def register() -> None:
    """Teach mmengine the scheme ``weights://``."""
    from mmengine.runner.checkpoint import CheckpointLoader

    @CheckpointLoader.register_scheme(prefixes=SCHEME, force=True)
    def load_named(filename: str, map_location: Any = None) -> dict[str, Any]:
        return load(resolve(filename.removeprefix(SCHEME)))


def check(config: Path) -> dict[str, Path]:
    """The checked files of all weights that a config and its bases ask for, as `manifest.produce` takes them."""
    return {f'weights/{name}': resolve(name) for name in named(config)}


def check_fit(model: Any) -> None:
    """Every module that starts from ``weights://`` finds all its tensors in that file; mmengine only logs a warning.

    Args:
        model: as built from a config.
    Raises:
        InputError: names the module, the file and what is missing.
    """
    for where, module in model.named_modules():
        init = getattr(module, 'init_cfg', None)
        if not (isinstance(init, dict) and str(init.get('checkpoint', '')).startswith(SCHEME)):
            continue
        state = load(resolve(init['checkpoint'].removeprefix(SCHEME)))
        state, prefix = state.get('state_dict', state), init.get('prefix')
        names = {name.removeprefix(f'{prefix}.') for name in state} if prefix else set(state)
        missing = [name for name in module.state_dict()
                   if name not in names and not name.endswith('num_batches_tracked')]
        if missing:
            raise InputError(f'{init["checkpoint"]} for {where}', expected=f'all tensors of {type(module).__name__}',
                             found=f'none for {len(missing)} of {len(module.state_dict())}, such as {missing[0]}',
                             remedy='take weights made for this network, or correct `prefix` in the config')
