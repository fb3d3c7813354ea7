"""Import what GANs need of mmagic 1.2.0, which as a whole no longer imports.

Nobody maintains mmagic. Three things stop ``import mmagic``, or drag in dependencies that this project does not have:

- ``mmagic/__init__.py`` asserts mmcv < 2.2;
- ``mmagic.utils`` reads ``np.bool8``, which NumPy 2 no longer has;
- the packages in `PACKAGES` import everything below them: diffusers, transformers, mediapipe, imageio, ...

So those packages are entered without running their ``__init__.py``: each imports the modules that `PACKAGES` gives it,
which registers their classes with mmagic's registries, and offers their names. Nothing of mmcv or NumPy stays changed.
`startup.py` reads this file without its package.
"""
from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

PACKAGES: dict[str, tuple[str, ...]] = {
    'mmagic': (),
    'mmagic.apis': ('inferencers.inference_functions',),
    'mmagic.apis.inferencers': (),
    'mmagic.models': ('base_models', 'data_preprocessors', 'editors'),
    'mmagic.models.archs': (),
    'mmagic.models.editors': ('biggan', 'dcgan'),
    'mmagic.models.losses': (),
    'mmagic.datasets': ('basic_conditional_dataset', 'transforms'),
    'mmagic.datasets.transforms': ('loading', 'aug_shape', 'formatting'),
    'mmagic.evaluation': (),
    'mmagic.visualization': (),
}


class _Package(Loader):
    """Enters a package without running its ``__init__.py``."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == 'mmagic':
            from importlib.metadata import version

            vars(module)['__version__'] = version('mmagic')
        names = vars(module)['__all__'] = list[str]()
        for name in PACKAGES[module.__name__]:
            child = importlib.import_module(f'{module.__name__}.{name}')
            for public in _public(child):
                setattr(module, public, getattr(child, public))
                names.append(public)


class _Bool8(SourceFileLoader):
    """Runs a module while NumPy has ``bool8``."""

    def exec_module(self, module: ModuleType) -> None:
        import numpy as np

        if hasattr(np, 'bool8'):
            return super().exec_module(module)
        vars(np)['bool8'] = np.bool_
        try:
            super().exec_module(module)
        finally:
            del vars(np)['bool8']


def _public(module: ModuleType) -> list[str]:
    """What ``import *`` takes from a module of mmagic; one without ``__all__`` offers what it defines."""
    return list(getattr(module, '__all__', None) or
                [name for name, value in vars(module).items() if getattr(value, '__module__', '') == module.__name__])


def find_spec(name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
    """How a name of mmagic is imported; None where Python's own way is right, or it is not installed."""
    found = PathFinder.find_spec(name, path) if name in PACKAGES or name == 'mmagic.utils.trans_utils' else None
    if found is None:
        return None
    if name not in PACKAGES:
        if isinstance(found.loader, SourceFileLoader):
            found.loader = _Bool8(found.loader.name, found.loader.path)
        return found
    spec = ModuleSpec(name, _Package(), origin=found.origin, is_package=True)
    spec.submodule_search_locations, spec.has_location = found.submodule_search_locations, True
    return spec


def install() -> None:
    """Register mmagic's GANs, datasets, transforms and hooks. A second call does nothing.

    Raises:
        ModuleNotFoundError: mmagic is not installed.
    """
    if importlib.util.find_spec('mmagic') is None:
        raise ModuleNotFoundError('mmagic is not installed; run: make setup', name='mmagic')
    for name in ('mmagic.models', 'mmagic.datasets', 'mmagic.engine'):
        importlib.import_module(name)
