"""Import what GANs need of mmagic 1.2.0, which as a whole no longer imports.

Nobody maintains mmagic. Three things stop ``import mmagic``, or drag in dependencies that this project does not have:

- ``mmagic/__init__.py`` asserts mmcv < 2.2;
- ``mmagic.utils`` reads ``np.bool8``, which NumPy 2 no longer has;
- the packages in `PACKAGES` import everything below them: diffusers, transformers, mediapipe, imageio, ...

So those packages are entered as namespaces: their folders are importable, their ``__init__.py`` is not run. The modules
in `MODULES` are then imported, which registers their classes with mmagic's registries. Nothing of mmcv or NumPy stays
changed.
"""
from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path

PACKAGES = ('mmagic', 'mmagic.models', 'mmagic.models.archs', 'mmagic.models.editors', 'mmagic.models.losses',
            'mmagic.datasets', 'mmagic.datasets.transforms', 'mmagic.evaluation', 'mmagic.visualization')
MODULES = ('mmagic.models.base_models', 'mmagic.models.data_preprocessors', 'mmagic.models.editors.biggan',
           'mmagic.models.editors.dcgan', 'mmagic.datasets.basic_conditional_dataset',
           'mmagic.datasets.transforms.loading', 'mmagic.datasets.transforms.aug_shape',
           'mmagic.datasets.transforms.formatting', 'mmagic.engine')


def install() -> None:
    """Register mmagic's GANs, datasets, transforms and hooks. A second call does nothing.

    Raises:
        ModuleNotFoundError: mmagic is not installed.
    """
    if all(name in sys.modules for name in MODULES):
        return
    import numpy as np

    for name in PACKAGES:
        _enter(name)
    added = not hasattr(np, 'bool8')
    if added:
        np.bool8 = np.bool_
    try:
        for name in MODULES:
            importlib.import_module(name)
    finally:
        if added:
            del np.bool8


def _enter(name: str) -> None:
    """Put a package into ``sys.modules`` without running its ``__init__.py``."""
    if name in sys.modules:
        return
    parent, _, child = name.rpartition('.')
    if parent:
        folder = Path(sys.modules[parent].__path__[0]) / child
    else:
        # find_spec of a top-level name does not run it.
        found = importlib.util.find_spec(name)
        if found is None:
            raise ModuleNotFoundError(f'{name} is not installed; run: make setup', name=name)
        folder = Path(found.origin).parent
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(folder / '__init__.py')  # inspect.getfile asks for it
    sys.modules[name] = module
    if parent:
        setattr(sys.modules[parent], child, module)
    else:
        module.__version__ = version(name)
