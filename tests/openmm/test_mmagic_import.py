"""mmagic without its dependencies; each test in a process of its own, because an import leaves traces."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.mm
INSTALL = '''
import sys
from pipelines.openmm.compat import mmagic_import
import mmcv, numpy
version = mmcv.__version__
mmagic_import.install()
'''


def run(code: str) -> str:
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', INSTALL + code], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_registers_what_gans_need_and_loads_nothing_heavy():
    assert run('''
from mmagic.registry import DATASETS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS, TRANSFORMS
needed = {MODELS: ['BigGAN', 'BigGANDeepGenerator', 'BigGANDeepDiscriminator', 'DCGAN', 'DataPreprocessor',
                   'ExponentialMovingAverage'], DATASETS: ['BasicConditionalDataset'],
          TRANSFORMS: ['LoadImageFromFile', 'Resize', 'Flip', 'PackInputs'],
          OPTIM_WRAPPER_CONSTRUCTORS: ['MultiOptimWrapperConstructor']}
print(sorted(name for registry, names in needed.items() for name in names if name not in registry.module_dict))
heavy = {'diffusers', 'transformers', 'mediapipe', 'imageio', 'clip'}
print(sorted({name.split('.')[0] for name in sys.modules} & heavy))
''').splitlines() == ['[]', '[]']


def test_leaves_mmcv_and_numpy_as_they_were_and_can_be_called_again():
    assert run('''
before = set(sys.modules), id(sys.modules['mmagic.models.base_models'])
mmagic_import.install()
print((set(sys.modules), id(sys.modules['mmagic.models.base_models'])) == before)
print(mmcv.__version__ == version, hasattr(numpy, 'bool8'), sys.modules['mmagic'].__version__)
''').splitlines() == ['True', 'True False 1.2.0']


def test_the_other_libraries_work_beside_it():
    assert run('''
import mmdet.models, mmpretrain.models
from mmdet.registry import MODELS as detection
from mmpretrain.registry import MODELS as classification
print('FasterRCNN' in detection.module_dict, 'ImageClassifier' in classification.module_dict)
''').splitlines()[-1] == 'True True'
