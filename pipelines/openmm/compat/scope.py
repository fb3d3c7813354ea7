"""The library a process works in: importing it registers its modules and ours."""
from __future__ import annotations

import contextlib
import importlib
import io
import warnings

_OURS = dict(mmdet='detect.detection', mmpretrain='classify.classification', mmagic='synth.gan')


def enter(scope: str) -> None:
    """Import one of mmdet, mmpretrain, mmagic with our additions and make it the default scope."""
    from mmengine.registry import init_default_scope

    from pipelines.openmm.weights import loading as weights

    warnings.filterwarnings('ignore', message='Unnecessary conv bias')
    importlib.import_module('pipelines.openmm.engine.hooks')
    importlib.import_module('pipelines.openmm.weights.fit')
    weights.register()
    with contextlib.redirect_stdout(io.StringIO()):  # the forks print what optional parts they lack
        if scope == 'mmagic':
            importlib.import_module('pipelines.openmm.compat.mmagic_import').install()
        else:
            if scope == 'mmpretrain':  # its language models, which we do not use, do not import beside transformers 5
                importlib.import_module('mmpretrain.utils.dependency').WITH_MULTIMODAL = False
            importlib.import_module(f'{scope}.utils').register_all_modules(init_default_scope=False)
        importlib.import_module(f'pipelines.openmm.{_OURS[scope]}')
    init_default_scope(scope)
