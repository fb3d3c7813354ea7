"""Rows that start from another row, trained for an epoch each as make does it, and predicted from what they leave."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines import classify, runs
from pipelines.core import json_files
from pipelines.core.rows import Row

BASE = Path(__file__).resolve().parents[1] / 'mm_configs/classify/resnet18_64px.py'
OPTIONS = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
CHILDREN = dict(
    distilled="model = dict(type='DistilledClassifier', teacher='model://resnet18_64px', alpha=0.9, temperature=4.)",
    pruned="model = dict(type='PrunedClassifier', parent='model://resnet18_64px', ratio=0.5)\n"
           "custom_hooks = [dict(type='RecalibrateHook')]",
    probe="load_from = 'model://resnet18_64px'\nmodel = dict(type='FrozenClassifier')\n"
          "train_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))\n"
          "custom_hooks = [dict(type='FeatureCacheHook')]")


@pytest.fixture(scope='module')
def trained(toy_dogs_work, tmp_path_factory):
    """By recipe, the run of seed 0; three children of ResNet-18 at 64 px, which is only their start."""
    folder = tmp_path_factory.mktemp('suite')
    for name, lines in CHILDREN.items():
        (folder / f'{name}.py').write_text(f"_base_ = '{BASE}'\n{lines}\n")
    rows = [Row.parse(f'{folder}/{name}.py@full') for name in CHILDREN]
    classify.classify(toy_dogs_work, folder / 'classify', folder / 'models/classify', table_rows=rows, seeds=[0],
                      jobs=1, tested=False, options=OPTIONS)
    table = json_files.read(folder / 'classify/table.json')
    assert [row['name'] for row in table['starts']] == ['resnet18_64px@full'] and len(table['rows']) == 3
    found = {row.config.stem: runs.Run(toy_dogs_work, row, 0, folder / 'models/classify', OPTIONS) for row in rows}
    return {**found, 'parent': found['probe'].parents()['resnet18_64px']}


def state(run: runs.Run) -> dict[str, torch.Tensor]:
    return torch.load(run.folder / 'model.pth', weights_only=True)['state_dict']


@pytest.mark.mm
def test_what_is_left_of_a_row_predicts_what_it_predicted(trained):
    """From the recipe and from config.py, without the parent's files."""
    from mmengine import Config

    from pipelines.openmm.classify import classification
    for name in CHILDREN:
        run = trained[name]
        written = np.array(json_files.read(run.folder / 'val.json')['scores'])
        found = run.work / 'crop/full_val.json'
        for cfg in (run.load(), Config.fromfile(run.folder / 'config.py')):
            cfg.custom_hooks = None  # images, not vectors
            cfg.data_root = str(run.work)
            cfg.val_dataloader.dataset.data_root = str(run.work)
            scores = classification.predict(cfg, run.folder / 'model.pth', found, 'val')
            assert scores == pytest.approx(written, abs=1e-4), name


@pytest.mark.mm
def test_a_probe_leaves_its_backbone_as_it_was(trained):
    before, after = state(trained['parent']), state(trained['probe'])
    same = {name for name in before if before[name].equal(after[name])}
    assert set(before) - same == {'head.fc.weight', 'head.fc.bias'}
    assert len(list((trained['probe'].work / 'features').glob('*/part-*.npz'))) >= 2


@pytest.mark.mm
def test_a_pruned_row_is_smaller_and_a_student_is_its_like(trained):
    sizes = {name: sum(value.numel() for value in state(run).values()) for name, run in trained.items()}
    assert 3.5 < sizes['parent'] / sizes['pruned'] < 4.1 and sizes['distilled'] == sizes['parent']
    logged = (trained['distilled'].folder / 'config.py').read_text()
    assert "teacher='model://resnet18_64px'" in logged
