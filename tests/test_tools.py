from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_imports_point_one_way():
    done = subprocess.run([Path(sys.executable).with_name('lint-imports')], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(('target', 'asked'), [('detect', {'detect'}), ('synth', {'detect', 'synth'}),
                                               ('classify', {'detect', 'synth', 'classify'})])
def test_make_checks_the_configs_of_the_stages_it_runs(target, asked):
    done = subprocess.run(['make', '-n', target, 'DATASET=cub', 'RAW=.', 'PROFILE=full'], capture_output=True,
                          text=True, cwd=ROOT, env={'PATH': '/usr/bin:/bin'})
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if 'lint_configs' in line)
    assert {word.split('/')[1] for word in line.split() if word.startswith('mm_configs/')} == asked


def make(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(['make', f'VIRTUAL_ENV={sys.prefix}', *words], capture_output=True, text=True, cwd=ROOT,
                          env={'PATH': os.environ['PATH'], **environment})


def test_make_help_names_targets_and_every_variable():
    text = make('help').stdout
    known = re.search(r'^VARIABLES := (.*?[^\\\\])$', (ROOT / 'Makefile').read_text(), re.MULTILINE | re.DOTALL)[1]
    names = [name for name in known.split() if name != '\\\\'.strip()]
    assert {'DATASET', 'RAW', 'BOXES_FROM', 'PYTHON'} <= set(names)
    assert [name for name in names if name.strip('\\') and not re.search(rf'\b{name}\b', text)] == []
    for target in ('demo', 'test', 'doctor', 'detect', 'crop', 'synth', 'classify', 'report', 'clean'):
        assert f'make {target}' in text


def test_a_sites_environment_is_not_mistaken_for_variables():
    plain, exported = (make('-n', 'classify', **environment).stdout for environment in (
        {}, dict(WORK='/scratch/me', DATASET='x', RAW='/data', SEEDS='9', PROFILE='full', ROWS='a', GPUS='4')))
    assert '--out work_dirs/toy-dogs/classify' in plain and plain == exported
    assert '--out /scratch/me/toy-dogs/classify' in make('-n', 'classify', 'WORK=/scratch/me').stdout


def test_a_misspelt_variable_stops_make():
    done = make('convert', 'DATSET=cub')
    assert done.returncode == 2 and 'did you mean DATASET?' in done.stderr


@pytest.mark.mm
def test_the_doctor_finds_nothing_to_mend():
    done = subprocess.run([sys.executable, 'tools/doctor.py'], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '11 of 11 equal to plain PyTorch' in done.stdout and 'nothing to mend' in done.stdout


def test_a_second_copy_of_a_library_is_a_fault(monkeypatch, capsys):
    from tools import doctor

    class Original:
        metadata = {'Name': 'mmcv'}

    real = doctor.metadata.distributions
    monkeypatch.setattr(doctor.metadata, 'distributions', lambda: [*real(), Original()])
    report = doctor.Report()
    doctor.check_forks(report)
    assert report.wrong == 1
    assert 'pip uninstall -y mmcv onedl-mmcv && rm -f ' in capsys.readouterr().out


@pytest.mark.parametrize('gpu', [False, True])
def test_a_container_with_little_shared_memory_is_a_fault_where_full_size_is_trained(gpu, monkeypatch, capsys):
    import torch

    from tools import doctor

    def usage(path):
        return real(path)._replace(total=64 << 20) if path == '/dev/shm' else real(path)

    real = doctor.shutil.disk_usage
    monkeypatch.setattr(doctor.shutil, 'disk_usage', usage)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    report = doctor.Report()
    doctor.check_machine(report)
    assert report.wrong == gpu
    said = capsys.readouterr().out
    assert '0.0625 GiB in /dev/shm' in said and ('mend it with: docker run --shm-size=4g' in said) == gpu


def test_gpu_architectures():
    from tools.doctor import runs_on
    built = ['sm_75', 'sm_80', 'sm_86', 'sm_90', 'sm_100', 'sm_120a']
    assert runs_on(built, 8, 9) and runs_on(built, 9, 0) and runs_on(built, 10, 3) and runs_on(built, 12, 0)
    assert not runs_on(built, 7, 0) and not runs_on(built, 11, 0)


def test_torch_and_torchvision_that_do_not_match_are_a_fault(monkeypatch, capsys):
    import torch

    from tools import doctor

    class Empty:
        def __getattr__(self, name):
            raise AttributeError(f'no operator torchvision::{name}')

    monkeypatch.setattr(torch.ops, 'torchvision', Empty(), raising=False)
    report = doctor.Report()
    doctor.check_torch(report)
    assert report.wrong == 1 and 'does not fit torch' in capsys.readouterr().out
