"""Make mmcv's operators and mmagic's GANs importable from any script of an environment.

``import mmcv.ops`` needs ``mmcv._ext``, which `ops.py` supplies, and ``import mmagic`` fails unless `mmagic_import.py`
helps. This file puts a finder before Python's own that hands those names to these two files. Set-up writes a path file
(``fgic.pth``) into the environment that makes Python run it at every start, so it imports nothing but what Python has
already imported, and does nothing when one of its files is gone.

    python pipelines/openmm/compat/startup.py        write the path file into the environment of this Python
"""
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


class OpenMMLabFinder:
    """Knows ``mmcv._ext``, ``mmagic`` and what is below it."""

    def find_spec(self, name, path=None, target=None):
        helper = 'ops' if name == 'mmcv._ext' else 'mmagic_import' if name.partition('.')[0] == 'mmagic' else None
        if helper is None:
            return None
        file = os.path.join(FOLDER, f'{helper}.py')
        if not os.path.exists(file):  # the checkout has moved since Python started
            return None
        # By its file: a script may have a package `pipelines` of its own.
        return _module(f'_fgic_{helper}', file).find_spec(name, path)


def _module(name, file):
    if name not in sys.modules:
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location(name, file)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def install():
    """Put the finder in place, or in the place of one of another checkout."""
    others = [finder for finder in sys.meta_path if type(finder).__name__ != OpenMMLabFinder.__name__]
    sys.meta_path[:] = [OpenMMLabFinder(), *others]


def path_file(folder=FOLDER):
    """The content of ``fgic.pth``: the checkout's folder, and a line that runs this file, or fails without a word.

    The loader takes the file's bytecode where there is some: compiling it would be nearly all of the cost.
    """
    start = os.path.join(folder, 'startup.py')
    code = (f'try:\n from _frozen_importlib_external import SourceFileLoader\n'
            f' exec(SourceFileLoader("fgic_startup", {start!r}).get_code("fgic_startup"), '
            f'dict(__name__="fgic_startup", __file__={start!r}))\nexcept Exception: pass')
    return f'{os.path.dirname(os.path.dirname(os.path.dirname(folder)))}\nimport sys; exec({code!a})\n'


if __name__ == '__main__':
    import pathlib
    import py_compile
    import sysconfig

    if sys.argv[1:]:
        sys.exit(__doc__)
    pathlib.Path(sysconfig.get_path('purelib'), 'fgic.pth').write_text(path_file())
    py_compile.compile(__file__)
elif __name__ == 'fgic_startup':
    install()
