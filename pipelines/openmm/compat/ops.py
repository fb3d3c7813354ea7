"""mmcv's compiled operators from torchvision, so that the stack installs without a compiler.

``import mmcv.ops`` needs the extension ``mmcv._ext``. Where a compiled one is installed it is used, else `mmcv_ext.py`
takes its name. `startup.py` reads this file without its package.
"""
from __future__ import annotations

from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec as find_anywhere
from importlib.util import spec_from_file_location
from pathlib import Path

COMPILED = 'compiled mmcv._ext'
TORCHVISION = 'torchvision operators'
_STAND_IN = Path(__file__).with_name('mmcv_ext.py')


def find_spec(name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
    """Where ``mmcv._ext`` comes from."""
    return PathFinder.find_spec(name, path) or spec_from_file_location(name, _STAND_IN)


def backend() -> str:
    """Which operators ``mmcv.ops`` has here: `COMPILED` or `TORCHVISION`."""
    spec = find_anywhere('mmcv._ext')
    return TORCHVISION if spec and spec.origin and Path(spec.origin).name == _STAND_IN.name else COMPILED
