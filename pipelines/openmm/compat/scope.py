"""The library a process works in: importing it registers its modules and ours."""
from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputError

_OURS = dict(mmdet='detect.detection', mmpretrain='classify.classification', mmagic='synth.gan')
LIBRARIES = tuple(_OURS)


def _modules(scope: str) -> list[str]:
    names = ['engine.hooks', 'engine.seconds_hook', 'weights.fit', *([_OURS[scope]] if scope in _OURS else [])]
    return [f'pipelines.openmm.{name}' for name in names]


def custom_imports(scope: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A config's ``custom_imports`` with the modules that register ours, so that a library's own API can build it.

    Args:
        scope: mmdet, mmpretrain, mmagic, or mmengine's own.
        asked: what the config has.
    """
    named = asked.get('imports', [])
    named = [named] if isinstance(named, str) else list(named)
    return {'allow_failed_imports': False, **asked, 'imports': list(dict.fromkeys([*_modules(scope), *named]))}


_FORKS = dict(mmengine='onedl-mmengine', mmcv='onedl-mmcv', mmdet='onedl-mmdetection', mmpretrain='onedl-mmpretrain')


def check_installed() -> None:
    """Each library is the one that set-up installed, not a clone of the original on PYTHONPATH.

    Raises:
        InputError: another place comes first.
    """
    for name, package in _FORKS.items():
        found = importlib.util.find_spec(name)
        place = Path(found.origin).resolve().parent if found and found.origin else None
        expected = Path(str(metadata.distribution(package).locate_file(name))).resolve()
        if place != expected:
            raise InputError(f'import {name}', expected=f'{package} at {expected}', found=f'{place}, which comes first '
                             'on the path', remedy='unset PYTHONPATH' if os.environ.get('PYTHONPATH') else
                             f'move {place} away')


def enter(scope: str) -> None:
    """Import one of mmdet, mmpretrain, mmagic with our additions and make it the default scope."""
    from mmengine.registry import init_default_scope

    warnings.filterwarnings('ignore', message='Unnecessary conv bias')
    with contextlib.redirect_stdout(io.StringIO()):  # the forks print what optional parts they lack
        if scope == 'mmagic':
            importlib.import_module('pipelines.openmm.compat.mmagic_import').install()
        else:
            # mmdet imports mmpretrain, whose language models, which we do not use, do not import beside transformers 5
            if importlib.util.find_spec('mmpretrain'):
                vars(importlib.import_module('mmpretrain.utils.dependency'))['WITH_MULTIMODAL'] = False
            importlib.import_module(f'{scope}.utils').register_all_modules(init_default_scope=False)
        for name in _modules(scope):
            importlib.import_module(name)
    init_default_scope(scope)
