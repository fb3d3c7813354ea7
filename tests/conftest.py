"""Small generated datasets that many tests read. Read only: a test that changes files copies them first."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import settings

from data_converters.convert import convert
from data_converters.toy import toy
from pipelines.core import fingerprint

settings.register_profile('repeatable', derandomize=True, deadline=None, database=None)
settings.load_profile('repeatable')


def pytest_configure(config: pytest.Config) -> None:
    """Tests compare values to the last bits of a CPU, which its threads decide; only `-m gpu` sees a GPU."""
    os.environ['OMP_NUM_THREADS'] = '1'
    if config.option.markexpr != 'gpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test of several minutes first: several processes share the others beside it."""
    items.sort(key=lambda item: item.name != 'test_every_fault_once')


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of files whose bytes are read to be hashed, as a test goes on."""
    paths: list[str] = []

    def sha256_of(files: Iterable[str | os.PathLike], real: Callable = fingerprint.sha256_of) -> list[str]:
        files = list(files)
        paths.extend(map(os.fspath, files))
        return real(files)

    monkeypatch.setattr(fingerprint, 'sha256_of', sha256_of)
    return paths


def _raw(tmp_path_factory: pytest.TempPathFactory, dataset: str) -> Path:
    out = tmp_path_factory.mktemp(dataset) / 'raw'
    toy(dataset, out, classes=3, train=8, test=4)
    return out


@pytest.fixture(scope='session')
def toy_dogs_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stanford Dogs' raw layout: 3 breeds, 8 train and 4 test images each."""
    return _raw(tmp_path_factory, 'toy-dogs')


@pytest.fixture(scope='session')
def toy_birds_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds CUB_200_2011/: 3 species, 8 train and 4 test images each."""
    return _raw(tmp_path_factory, 'toy-birds')


@pytest.fixture(scope='session')
def toy_dogs_coco(toy_dogs_raw: Path) -> Path:
    """A convert folder: 7 train, 1 val, 4 test images of each of 3 breeds."""
    out = toy_dogs_raw.parent / 'convert'
    convert('toy-dogs', toy_dogs_raw, out)
    return out


@pytest.fixture(scope='session')
def toy_dogs_work(toy_dogs_coco: Path) -> Path:
    """WORK/toy-dogs with convert and crop done: full images and crops of at most 64 px by annotated boxes."""
    from pipelines.crop import crop

    root = toy_dogs_coco.parent / 'work/toy-dogs'
    root.mkdir(parents=True)
    (root / 'convert').symlink_to(toy_dogs_coco)
    crop(root / 'convert', root / 'crop', by_split=dict(train='gt', val='gt', test='gt'), size=64)
    return root


@pytest.fixture(scope='session')
def toy_birds_coco(toy_birds_raw: Path) -> Path:
    """A convert folder: 7 train, 1 val, 4 test images of each of 3 species."""
    out = toy_birds_raw.parent / 'convert'
    convert('toy-birds', toy_birds_raw, out)
    return out


@pytest.fixture(scope='session')
def chain_work(toy_dogs_coco: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WORK/toy-dogs with a barely trained detector and classifiers (`tests/chain_work.py`): a quarter of a minute."""
    from tests import chain_work as made

    return made.make(toy_dogs_coco, tmp_path_factory.mktemp('chain') / 'toy-dogs')
