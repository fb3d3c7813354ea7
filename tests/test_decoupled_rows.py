"""Heads on another row's frozen network, and rows that read out a pretraining: trained as make does it."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines import classify
from pipelines.core import json_files
from pipelines.core.rows import Row

RECIPES = Path(__file__).resolve().parents[1] / 'mm_configs/classify'
PARENT = 'model://resnet18_64px'
FROZEN = ("model = dict(type='FrozenClassifier', backbone=dict(init_cfg=dict(type='Pretrained', "
          f"checkpoint='{PARENT}', prefix='backbone')), {{}})\n"
          "train_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))\n"
          "custom_hooks = [dict(type='FeatureCacheHook')]")
FIT = "\ntrain_cfg = dict(_delete_=True, type='FitLoop', max_epochs=1, val_interval=1)"
START = f"start=dict(checkpoint='{PARENT}', prefix='head.fc')"
CHILDREN = dict(
    crt=FROZEN.format('') + "\ntrain_dataloader['sampler'] = dict(_delete_=True, type='BalancedSampler')",
    lws=FROZEN.format(f"frozen=('backbone', 'neck', 'head.fc'), head=dict(type='ScaledHead', {START})"),
    tau=FROZEN.format(f"head=dict(type='TauNormalisedHead', {START})") + FIT,
    svm=FROZEN.format("head=dict(type='SVMHead')") + FIT)
SHIPPED = ('simclr_64px_probe', 'simclr_64px_probe-1', 'simclr_64px_knn', 'simclr_64px_random')
OPTIONS = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=8')

pytestmark = pytest.mark.mm


@pytest.fixture(scope='module')
def made(toy_dogs_work, tmp_path_factory):
    """The table's rows by recipe, and by recipe the state dict of its run of seed 0."""
    folder = tmp_path_factory.mktemp('decoupled')
    for name, lines in CHILDREN.items():
        (folder / f'{name}.py').write_text(f"_base_ = '{RECIPES}/resnet18_64px.py'\n{lines}\n")
    rows = [Row.parse(f'{folder}/{name}.py@full') for name in CHILDREN]
    rows += [Row.parse(f'{name}@full') for name in SHIPPED]
    classify.classify(toy_dogs_work, folder / 'classify', folder / 'models/classify', table_rows=rows, seeds=[0],
                      jobs=1, tested=False, options=OPTIONS)
    table = json_files.read(folder / 'classify/table.json')
    assert {row['name'] for row in table['starts']} == {'resnet18_64px@full', 'simclr_64px@full'}
    wanted = [*CHILDREN, *SHIPPED, 'resnet18_64px', 'simclr_64px']
    return {row['name'].partition('@')[0]: row for row in table['rows']}, {name: torch.load(
        folder / f'models/classify/{name}@full-seed0/model.pth')['state_dict'] for name in wanted}


def test_the_frozen_network_is_the_parents(made):
    states = made[1]
    for names, parent in ((CHILDREN, 'resnet18_64px'), (SHIPPED[:3], 'simclr_64px')):
        backbone = {name: value for name, value in states[parent].items() if name.startswith('backbone.')}
        assert any(name.endswith('running_mean') for name in backbone)
        for child in names:
            assert all(states[child][name].equal(value) for name, value in backbone.items()), child
    random, learnt = (states[name]['backbone.conv1.weight'] for name in ('simclr_64px_random', 'simclr_64px'))
    assert not random.equal(learnt)


def test_each_head_is_what_it_says(made):
    states = made[1]
    parent = states['resnet18_64px']['head.fc.weight']
    assert not states['crt']['head.fc.weight'].equal(parent)
    assert states['lws']['head.fc.weight'].equal(parent) and (states['lws']['head.scale'] != 1).any()
    directions = [torch.nn.functional.normalize(weight) for weight in (parent, states['tau']['head.fc.weight'])]
    torch.testing.assert_close(*directions)
    assert 0 <= states['tau']['head.tau'] <= 2 and states['svm']['head.cost'] > 0
    assert states['simclr_64px_knn']['head.vectors'].shape == (21, 256)


def test_the_table_counts_the_labels_that_were_used(made):
    assert {name: row['train_images'] for name, row in made[0].items()} == {
        **dict.fromkeys([*CHILDREN, *SHIPPED], 21), 'simclr_64px_probe-1': 3}
