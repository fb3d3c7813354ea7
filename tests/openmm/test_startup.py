"""What set-up's path file does to every Python start of the environment."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.openmm.compat import startup

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the path file of this checkout, as set-up writes it."""
    (tmp_path / 'site').mkdir()
    (tmp_path / 'site/fgic.pth').write_text(startup.path_file())
    return tmp_path / 'site'


def run(code: str, site: Path) -> str:
    """What a plain script prints, in an environment with that path file, in a folder that is not the checkout."""
    start = f'import site, sys; site.addsitedir({str(site)!r})\n'
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', start + code], cwd=site, env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.strip()


MODULES = 'import sys; print(*sorted(sys.modules))'


def test_it_imports_nothing_at_the_start(site):
    (site.parent / 'empty').mkdir()
    assert run(MODULES, site) == run(MODULES, site.parent / 'empty')


def test_the_finder_of_the_last_checkout_is_the_only_one(site):
    names = run('site.addsitedir(sys.path[-1])\nprint(*(type(finder).__name__ for finder in sys.meta_path))', site)
    assert names.split().count('OpenMMLabFinder') == 1 and names.startswith('OpenMMLabFinder ')


def test_a_checkout_that_has_moved_breaks_nothing(tmp_path, site):
    """While Python runs, or before it starts: then the names are not found, as without set-up."""
    other = tmp_path / 'it\'s "moved", ünd away'
    shutil.copytree(ROOT / 'pipelines/openmm/compat', other / 'pipelines/openmm/compat')
    (site / 'fgic.pth').write_text(startup.path_file(str(other / 'pipelines/openmm/compat')))
    find = 'import sys\nfound = sys.meta_path[0].find_spec("mmcv._ext")\nprint(found and found.origin)\n'
    assert run(find, site) == str(other / 'pipelines/openmm/compat/mmcv_ext.py')
    assert run(f'import shutil; shutil.rmtree({str(other)!r})\n{find}', site) == 'None'
    assert run('print(1)', site) == '1'


def test_a_script_may_have_a_package_of_our_name(site):
    (site / 'pipelines').mkdir()
    (site / 'pipelines/__init__.py').write_text('theirs = 1')
    assert run('sys.path.insert(0, "")\nimport pipelines; print(pipelines.theirs)\n'
               'print(sys.meta_path[0].find_spec("mmcv._ext").name)', site).split() == ['1', 'mmcv._ext']


@pytest.mark.mm
def test_any_script_imports_mmcvs_operators_and_mmagics_gans(site):
    assert run('''
import torch
from mmcv.ops import nms
print(nms(torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8]]), torch.tensor([0.1, 0.9]), 0.5)[1].tolist())
from mmagic.apis import init_model
from mmagic.registry import MODELS
generator = MODELS.build(dict(type='BigGANDeepGenerator', output_scale=32, base_channels=4, num_classes=2))
print(tuple(generator(None, num_batches=2).shape))
from mmagic.models import BigGAN, DCGAN
print(BigGAN.__name__, DCGAN.__name__)
''', site).splitlines()[-3:] == ['[1]', '(2, 3, 32, 32)', 'BigGAN DCGAN']
