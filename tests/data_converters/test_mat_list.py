"""Our reader of .mat lists against scipy's, on whole files; damaged ones are in tests/hostile/test_lists.py."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from data_converters import mat_list

OFFICIAL = Path(__file__).resolve().parents[2] / '../shared/data/stanford_dogs/lists'


def by_scipy(path: Path) -> tuple[list[str], list[float]]:
    content = loadmat(path, variable_names=('file_list', 'labels'))
    return [cell.item() for cell in content['file_list'].ravel()], content['labels'].ravel().tolist()


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('dtype', ['u1', 'i4', 'f4', 'f8'])
def test_scipy_reads_the_same(tmp_path, packed, dtype):
    cells = np.empty((300, 1), object)
    cells[:, 0] = [f'n{i % 7:08}-Br\u00e9ed_{i % 7}/n{i % 7:08}_{i}' + '.jpg' * (i % 3) for i in range(300)]
    labels = (np.arange(300) % 7 + 1).astype(dtype)[:, None]
    path = tmp_path / 'list.mat'
    savemat(path, dict(annotation_list=cells, file_list=cells, labels=labels), do_compression=packed)
    assert mat_list.read(path) == by_scipy(path)


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason='the official lists (../shared/data) are not here')
@pytest.mark.parametrize('name', ['train_list.mat', 'test_list.mat'])
def test_scipy_reads_the_official_lists_the_same(name):
    files, labels = mat_list.read(OFFICIAL / name)
    assert (files, labels) == by_scipy(OFFICIAL / name) and len(files) >= 160
