"""Say what this machine has, what is wrong with it, and the command that mends it.

    make doctor

Exit status 0 where everything needed is right, else 2.
"""
from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORKS = {'onedl-mmengine': ['mmengine'], 'onedl-mmcv': ['mmcv', 'mmcv-full', 'mmcv-lite'],
         'onedl-mmdetection': ['mmdet'], 'onedl-mmpretrain': ['mmpretrain']}
SHARED_GIB = 2  # what the full profile's loaders can hold (docs/speed.md)
REINSTALL = f'rm -f {sys.prefix}/fgic-*.ok && make setup'


class Report:
    """Prints a line per finding and counts what is wrong."""

    def __init__(self) -> None:
        self.wrong = 0

    def line(self, name: str, value: str, remedy: str = '') -> None:
        """One finding; a remedy makes it a fault."""
        self.wrong += bool(remedy)
        print(f'{"FAULT" if remedy else "ok":5}  {name:22} {value}')
        if remedy:
            print(f'{"":7}{"":22} mend it with: {remedy}')


def check_python(report: Report) -> None:
    version = platform.python_version()
    fits = (3, 10) <= sys.version_info[:2] <= (3, 12)
    report.line('python', f'{version} at {sys.executable}',
                '' if fits else 'rm -rf .venv; make setup PYTHON=python3.11')


def check_lock(report: Report) -> None:
    """Every package of the lock is installed in the version that it says."""
    from packaging.requirements import Requirement

    lines = re.findall(r'^([\w.-]+==[^\\\n]+)', (ROOT / 'requirements/lock.txt').read_text(), re.M)
    wanted = [row for row in map(Requirement, lines) if row.marker is None or row.marker.evaluate()]
    different = []
    for row in wanted:
        try:
            found = metadata.version(row.name)
        except metadata.PackageNotFoundError:
            found = 'nothing'
        if found == 'nothing' or not row.specifier.contains(found.split('+')[0]):
            different.append(f'{row.name}{row.specifier}: {found}')
    report.line('packages', f'{len(wanted) - len(different)} of {len(wanted)} as locked' +
                ''.join(f'; {row}' for row in different), REINSTALL if different else '')


def check_forks(report: Report) -> None:
    """The maintained forks use the originals' import names: only one of each may be installed."""
    installed = {(dist.metadata['Name'] or '').lower() for dist in metadata.distributions()}
    beside = {fork: [name for name in originals if name in installed] for fork, originals in FORKS.items()}
    for fork, both in beside.items():
        if both:
            report.line(fork, f'installed together with {", ".join(both)}',
                        f'{sys.executable} -m pip uninstall -y {" ".join(both)} {fork} && {REINSTALL}')
    from pipelines.core.errors import InputError
    from pipelines.openmm.compat import scope
    try:
        scope.check_installed()
    except InputError as error:
        report.line(error.parts['where'], f'finds {error.parts["found"]}', error.parts['remedy'])
    if not any(beside.values()):
        found = [f'{fork} {metadata.version(fork)}' for fork in FORKS if fork in installed]
        report.line('OpenMMLab forks', ', '.join(found))


def runs_on(built: list[str], major: int, minor: int) -> bool:
    """Whether a build for architectures such as ``sm_80`` has code for a GPU: its own major, no later minor."""
    numbers = [int(arch.removeprefix('sm_').rstrip('af')) for arch in built if arch.startswith('sm_')]
    return any(number // 10 == major and number % 10 <= minor for number in numbers)


def check_torch(report: Report) -> None:
    import torch
    report.line('torch', f'{torch.__version__}, CUDA build {torch.version.cuda or "none"}')
    try:
        import torchvision
        torch.ops.torchvision.nms  # noqa: B018  (raises where torch and torchvision do not match)
        report.line('torchvision', torchvision.__version__)
    except (ImportError, RuntimeError, AttributeError) as error:
        report.line('torchvision', f'does not fit torch {torch.__version__}: {str(error).splitlines()[0]}', REINSTALL)
    if not torch.cuda.is_available():
        driver = shutil.which('nvidia-smi')
        report.line('GPU', 'none: PROFILE=laptop is the default' if not driver else
                    'nvidia-smi is here, but torch sees no GPU',
                    '' if not driver else f'install a driver for CUDA {torch.version.cuda}, then make doctor')
        return
    built = torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(number)
        fits = runs_on(built, major, minor)
        memory = torch.cuda.get_device_properties(number).total_memory / 2**30
        report.line(f'GPU {number}', f'{torch.cuda.get_device_name(number)}, sm_{major}{minor}, {memory:.0f} GiB',
                    '' if fits else f'this torch is built for {" ".join(built)}; install one for sm_{major}{minor}')


def check_operators(report: Report) -> None:
    from pipelines.openmm.compat import op_check, ops
    report.line('mmcv operators', ops.backend())
    plain = subprocess.run([sys.executable, '-c', 'import mmcv.ops, mmagic.models'], cwd=sys.prefix,
                           env={name: value for name, value in os.environ.items() if name != 'PYTHONPATH'},
                           capture_output=True, text=True)
    report.line('any script', 'imports mmcv.ops and mmagic.models' if plain.returncode == 0 else
                (plain.stderr.strip().splitlines() or ['ended without a word'])[-1],
                '' if plain.returncode == 0 else f'{sys.executable} {ROOT / "pipelines/openmm/compat/startup.py"}')
    import torch
    for device in ['cpu'] + ['cuda'] * torch.cuda.is_available():
        found = op_check.differences(device)
        wrong = {name: value for name, value in found.items() if not value <= op_check.TOLERANCE}
        for name, value in wrong.items():
            report.line(f'{name}, {device}', f'differs from plain PyTorch by {value:.1e}', REINSTALL)
        report.line(f'operators on {device}', f'{len(found) - len(wrong)} of {len(found)} equal to plain PyTorch, '
                                              f'to {op_check.TOLERANCE:.0e}')


def check_libraries(report: Report) -> None:
    from pipelines.openmm.compat import scope

    for library in ('mmdet', 'mmpretrain', 'mmagic'):
        scope.enter(library)
        report.line(library, 'imports, with our additions')


def check_machine(report: Report) -> None:
    import torch

    from pipelines.openmm.engine import threads
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    disk = shutil.disk_usage(ROOT).free / 2**30
    report.line('CPUs', f'{len(os.sched_getaffinity(0))}, of which free now {threads.free_cpus()}')
    report.line('memory', f'{memory:.0f} GiB')
    shared = shutil.disk_usage('/dev/shm').total / 2**30
    enough = shared >= SHARED_GIB or not torch.cuda.is_available()  # without a GPU, the training process loads
    report.line('shared memory', f'{shared:.3g} GiB in /dev/shm', '' if enough else
                f'docker run --shm-size={2 * SHARED_GIB}g, as loader workers hand batches over there (docs/speed.md)')
    report.line('disk', f'{disk:.0f} GiB free', '' if disk > 2 else 'free some space, or set WORK=/another/disk')


def starts() -> dict[str, list[str]]:
    """By profile, the weights that its recipes start from."""
    from pipelines.core import rows
    from pipelines.openmm.weights import loading

    found = {}
    for path in sorted((rows.CONFIGS / 'profiles').glob('*.mk')):
        words = set(re.findall(r'[\w.-]+', path.read_text()))
        found[path.stem] = sorted({name for config in rows.CONFIGS.glob('[!_]*/*.py') if config.stem in words
                                   for name in loading.named(config)})
    return found


def check_weights(report: Report) -> None:
    from tools import weights

    found = {name: weights.state(name) for name in weights.TABLE}
    here = sum(state == 'here' for state, *_ in found.values())
    report.line('weights', f'{here} of {len(found)} here; all, and where to have them: python -m tools.weights')
    for profile, names in starts().items():
        report.line(f'{profile} profile', 'starts from ' + (', '.join(
            f'{name} ({found[name][0]})' for name in names) or 'random weights'))
    for name, (state, where, remedy) in found.items():
        if state == 'wrong':
            report.line(name, where, remedy)


def main() -> int:
    report = Report()
    for check in (check_python, check_machine, check_forks, check_lock, check_torch, check_operators, check_libraries,
                  check_weights):
        try:
            check(report)
        except Exception as error:  # a check that cannot run is a finding too
            report.line(check.__name__.removeprefix('check_'), f'{type(error).__name__}: {error}', REINSTALL)
    print('nothing to mend' if not report.wrong else f'{report.wrong} to mend')
    return 2 if report.wrong else 0


if __name__ == '__main__':
    sys.exit(main())
