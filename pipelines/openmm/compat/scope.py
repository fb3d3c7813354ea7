"""The library a process works in: importing it registers its modules and ours."""
from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Mapping
from typing import Any

_OURS = dict(mmdet='detect.detection', mmpretrain='classify.classification', mmagic='synth.gan')


def _modules(scope: str) -> list[str]:
    names = ['engine.hooks', 'weights.fit', *([_OURS[scope]] if scope in _OURS else [])]
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


def enter(scope: str) -> None:
    """Import one of mmdet, mmpretrain, mmagic with our additions and make it the default scope."""
    from mmengine.registry import init_default_scope

    warnings.filterwarnings('ignore', message='Unnecessary conv bias')
    with contextlib.redirect_stdout(io.StringIO()):  # the forks print what optional parts they lack
        if scope == 'mmagic':
            importlib.import_module('pipelines.openmm.compat.mmagic_import').install()
        else:
            if scope == 'mmpretrain':  # its language models, which we do not use, do not import beside transformers 5
                importlib.import_module('mmpretrain.utils.dependency').WITH_MULTIMODAL = False
            importlib.import_module(f'{scope}.utils').register_all_modules(init_default_scope=False)
        for name in _modules(scope):
            importlib.import_module(name)
    init_default_scope(scope)
