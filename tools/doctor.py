"""Say what this machine has, what is wrong with it, and the command that mends it.

    make doctor

Exit status 0 where everything needed is right, else 2.
"""
from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORKS = {'onedl-mmengine': ['mmengine'], 'onedl-mmcv': ['mmcv', 'mmcv-full', 'mmcv-lite'],
         'onedl-mmdetection': ['mmdet'], 'onedl-mmpretrain': ['mmpretrain']}
REINSTALL = 'rm -rf .venv && make setup'


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
    wanted = dict(re.findall(r'^([\w.-]+)==([\w.+!-]+)', (ROOT / 'requirements/lock.txt').read_text(), re.M))
    different = []
    for name, version in wanted.items():
        try:
            if metadata.version(name).split('+')[0] != version:
                different.append(f'{name} {metadata.version(name)} instead of {version}')
        except metadata.PackageNotFoundError:
            pass  # for another Python or machine; torch and the libraries are imported below
    report.line('packages', f'{len(wanted) - len(different)} of {len(wanted)} as locked' +
                ''.join(f'; {row}' for row in different), REINSTALL if different else '')


def check_forks(report: Report) -> None:
    """The maintained forks use the originals' import names: only one of each may be installed."""
    installed = {(dist.metadata['Name'] or '').lower() for dist in metadata.distributions()}
    beside = {fork: [name for name in originals if name in installed] for fork, originals in FORKS.items()}
    for fork, both in beside.items():
        if both:
            report.line(fork, f'installed together with {", ".join(both)}',
                        f'pip uninstall -y {" ".join(both)} {fork} && make setup')
    if not any(beside.values()):
        found = [f'{fork} {metadata.version(fork)}' for fork in FORKS if fork in installed]
        report.line('OpenMMLab forks', ', '.join(found))


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
    for number in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(number)
        built = torch.cuda.get_arch_list()
        own = [int(arch.removeprefix(f'sm_{major}').rstrip('af')) for arch in built
               if arch.rstrip('af')[:-1] == f'sm_{major}']
        fits = any(built_minor <= minor for built_minor in own)
        memory = torch.cuda.get_device_properties(number).total_memory / 2**30
        report.line(f'GPU {number}', f'{torch.cuda.get_device_name(number)}, sm_{major}{minor}, {memory:.0f} GiB',
                    '' if fits else f'this torch is built for {" ".join(built)}; install one for sm_{major}{minor}')


def check_operators(report: Report) -> None:
    from pipelines.openmm import op_check, ops
    backend = ops.install()
    report.line('mmcv operators', backend)
    import torch
    for device in ['cpu'] + ['cuda'] * torch.cuda.is_available():
        for name, value in op_check.differences(device).items():
            report.line(f'{name}, {device}', f'differs from plain PyTorch by {value:.1e}',
                        '' if value <= op_check.TOLERANCE else REINSTALL)


def check_libraries(report: Report) -> None:
    for scope in ('mmdet', 'mmpretrain', 'mmagic'):
        try:
            from pipelines.openmm import scope as scopes
            scopes.enter(scope)
            report.line(scope, 'imports, with our additions')
        except Exception as error:  # whatever stops the import is the finding
            report.line(scope, f'{type(error).__name__}: {error}', REINSTALL)


def check_machine(report: Report) -> None:
    from pipelines.openmm import threads
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    disk = shutil.disk_usage(ROOT).free / 2**30
    report.line('CPUs', f'{len(os.sched_getaffinity(0))}, of which free now {threads.free_cpus()}')
    report.line('memory', f'{memory:.0f} GiB')
    report.line('disk', f'{disk:.0f} GiB free', '' if disk > 2 else 'free some space, or set WORK=/another/disk')


def main() -> int:
    report = Report()
    for check in (check_python, check_machine, check_forks, check_lock, check_torch, check_operators, check_libraries):
        check(report)
    print('nothing to mend' if not report.wrong else f'{report.wrong} to mend')
    return 2 if report.wrong else 0


if __name__ == '__main__':
    sys.exit(main())
