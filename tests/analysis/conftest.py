"""A WORK/<dataset> with two trained rows, one epoch each, on 36 drawn images."""
from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.convert import convert
from pipelines import classify
from pipelines.core import shards
from pipelines.crop import crop, parse_boxes

ROWS = ('resnet18_64px@full', 'resnet18_64px@square')


@pytest.fixture(scope='session')
def trained_work(toy_dogs_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp('analysed') / 'toy-dogs'
    work.mkdir()
    convert('toy-dogs', toy_dogs_raw, work / 'convert')
    crop(work / 'convert', work / 'crop', by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    arguments = ['--data', work, '--out', work / 'classify', '--rows', *ROWS, '--seeds', '0', '--jobs', '1',
                 '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    assert classify.main([str(word) for word in arguments]) == 0
    return work
