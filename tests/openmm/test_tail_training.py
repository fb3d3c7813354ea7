"""A long tail as training reads it, batches that are balanced, and the loss that knows the shares."""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from pipelines.core import lineage
from pipelines.core.errors import InputError
from pipelines.core.rows import Images
from pipelines.openmm.engine import as_built, network
from pipelines.openmm.engine import config as mm

RECIPES = Path(__file__).resolve().parents[2] / 'mm_configs/classify'
SIZES = (60, 60, 60, 60)


@pytest.fixture(scope='module')
def work(tmp_path_factory) -> Path:
    """Lists of four classes; one image serves for all."""
    from pipelines.core import images
    folder = tmp_path_factory.mktemp('tail') / 'crop'
    (folder / 'full').mkdir(parents=True)
    picture = images.encode_jpeg(torch.zeros(8, 8, 3, dtype=torch.uint8).numpy(), 90)
    for split, each in (('train', 60), ('val', 2), ('test', 2)):
        rows = [dict(img_path=f'full/{split}{label}_{number}.jpg', gt_label=label, split=split, box_source='none',
                     image_id=hash((split, label, number)) % 2**31) for label in range(4) for number in range(each)]
        lineage.write_list(folder / f'full_{split}.json', list('abcd'), rows)
        for row in rows:
            (folder / row['img_path']).write_bytes(picture)
    return folder.parent


def load(work: Path, images: str, *options: str, recipe: str = 'resnet18_64px'):
    return mm.load(RECIPES / f'{recipe}.py', data_root=work, num_classes=4, images=Images.parse(images),
                   options=options)


def test_a_row_trains_on_its_tail_and_is_checked_against_its_list(work):
    cfg = load(work, 'full-lt10')
    read = as_built.check(cfg, {split: [f'crop/full_{split}.json'] for split in ('train', 'val', 'test')})
    assert read['train'].counts == (60, 28, 13, 6) and read['train'].images == 107
    assert read['val'].images == 8
    again = network.loader(load(work, 'full-lt10'), 'train').dataset
    first = network.loader(cfg, 'train').dataset
    assert [first.get_data_info(index)['img_path'] for index in range(107)] == [
        again.get_data_info(index)['img_path'] for index in range(107)]


def test_oversampling_is_balanced(work):
    sampler = "train_dataloader.sampler.type=BalancedSampler"
    loader = network.loader(load(work, 'full-lt10', sampler), 'train')
    dataset, drawn = loader.dataset, Counter()
    labels = [dataset.get_data_info(index)['gt_label'] for index in range(len(dataset))]
    for epoch in range(8):
        loader.sampler.set_epoch(epoch)
        order = list(loader.sampler)
        assert len(order) == 107 and set(Counter(labels[index] for index in order).values()) <= {26, 27}
        drawn.update(labels[index] for index in order)
    assert all(count / drawn.total() == pytest.approx(.25, rel=.02) for count in drawn.values())
    assert list(loader.sampler) == order  # the same epoch again, as after a resume
    few = [index for index in order if labels[index] == 3]
    assert Counter(Counter(few).values()).keys() <= {4, 5}  # its six images in turn


def test_two_processes_share_an_epoch(work, monkeypatch):
    from pipelines.openmm.classify import long_tail
    dataset = network.loader(load(work, 'full-lt10'), 'train').dataset
    halves = []
    for rank in range(2):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        halves.append(list(long_tail.BalancedSampler(dataset, seed=0)))
    assert len(halves[0]) == len(halves[1]) == 54
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (0, 1))
    whole = list(long_tail.BalancedSampler(dataset, seed=0))
    assert [index for pair in zip(*halves) for index in pair][:100] != [] and len(whole) == 107


def test_the_loss_knows_the_shares_and_predictions_do_not(work):
    from pipelines.openmm.classify import long_tail
    loss = long_tail.LogitAdjustedLoss(3)
    scores, label = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 2, 0])
    with pytest.raises(InputError, match='ClassCountsHook'):
        loss(scores, label)
    loss.set_counts([5, 5, 5])
    torch.testing.assert_close(loss(scores, label), functional.cross_entropy(scores, label))
    loss.set_counts([70, 20, 10])
    share = torch.tensor([.7, .2, .1]).log()
    torch.testing.assert_close(loss(scores, label, avg_factor=5), functional.cross_entropy(scores + share, label))


@pytest.mark.mm
@pytest.mark.parametrize('recipe', ['seesaw', 'logit-adjusted', 'balanced'])
def test_each_recipe_trains_on_a_tail(recipe, work, tmp_path):
    from pipelines.openmm.engine import training
    path = tmp_path / 'child.py'
    lines = [line for line in (RECIPES / f'efficientnet-lite0_{recipe}.py').read_text().splitlines()
             if line.startswith(('model', 'custom', 'train_'))]
    path.write_text('\n'.join([f"_base_ = '{RECIPES}/resnet18_64px.py'", *lines]))
    cfg = mm.load(path, data_root=work, num_classes=4, images=Images.parse('full-lt10'), options=[
        'train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=64'])
    assert training.train(cfg, tmp_path / 'run', seed=0)['best_epoch'] == 1
    if recipe == 'logit-adjusted':
        state = torch.load(tmp_path / 'run/model.pth')['state_dict']
        torch.testing.assert_close(state['head.loss_module.log_share'],
                                   (torch.tensor([60., 28, 13, 6]) / 107).log())
