"""DCGAN with classes: its losses by hand, and what the stage draws with it."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.core import images

pytestmark = pytest.mark.mm
LEAF = Path(__file__).resolve().parents[1] / 'mm_configs/synth/dcgan_32px.py'
TINY = ('model.generator.base_channels=16', 'model.discriminator.base_channels=4', 'sampling.standing_batches=1')


def build(tmp_path: Path):
    import torch

    from pipelines.openmm.engine import config, network
    torch.manual_seed(0)
    return network.build(config.load(LEAF, data_root=tmp_path, num_classes=3, options=TINY))


def test_both_networks_know_the_class_and_the_losses_are_cross_entropy(tmp_path: Path):
    import torch
    model = build(tmp_path).eval()
    noise, labels = torch.randn(1, 100).expand(3, -1), torch.tensor([0, 1, 2])
    with torch.no_grad():
        drawn = model.generator(noise, label=labels)
        assert drawn.shape == (3, 3, 32, 32) and drawn.abs().max() <= 1
        assert min((drawn[one] - drawn[other]).abs().max() for one, other in ((0, 1), (1, 2), (0, 2))) > 1e-3
        image = drawn[:1].expand(3, -1, -1, -1)
        scores = model.discriminator(image, labels[:, None])  # (N, 1), as mmagic stacks the labels of real images
        assert scores.shape == (3, 1) and len(set(scores.flatten().tolist())) == 3
        assert torch.equal(scores, model.discriminator(image, labels))
    fake, real = torch.tensor([[0.5], [-2.0]]), torch.tensor([[1.0], [3.0]])
    loss, logged = model.disc_loss(fake, real)
    softplus = np.log1p(np.exp([0.5, -2.0])).mean(), np.log1p(np.exp([-1.0, -3.0])).mean()
    assert (logged['loss_disc_fake'].item(), logged['loss_disc_real'].item()) == pytest.approx(softplus, rel=1e-5)
    assert loss.item() == pytest.approx(sum(softplus), rel=1e-5)
    assert model.gen_loss(fake)[0].item() == pytest.approx(np.log1p(np.exp([-0.5, 2.0])).mean(), rel=1e-5)


def test_images_are_drawn_small_and_enlarged_bicubically(tmp_path: Path):
    import torch

    from pipelines.openmm.synth import drawing, recipes
    torch.save(build(tmp_path).state_dict(), tmp_path / 'model.pth')
    rows = [dict(img_path=f'images/{i}.png', gt_label=i % 3, seed=i) for i in range(3)]
    found = {}
    for side in (0, 64):
        options = (*TINY, f'sampling.enlarged={side}')
        (folder := tmp_path / str(side)).mkdir()
        recipe = recipes.Recipe(LEAF, tmp_path, ('a', 'b', 'c'), tmp_path / 'model.pth', options)
        drawing.write_images(folder, rows, recipe, quality=95)
        found[side] = [images.decode(folder / row['img_path']) for row in rows]
    assert {picture.shape for picture in found[0]} == {(32, 32, 3)}
    import cv2
    for small, large in zip(found[0], found[64]):
        assert small.std() > 1
        assert np.array_equal(large, cv2.resize(small, (64, 64), interpolation=cv2.INTER_CUBIC))


def test_a_step_of_training_changes_both_networks(toy_dogs_coco: Path, tmp_path: Path):
    import torch

    from pipelines.core import json_files, shards
    from pipelines.crop import crop, parse_boxes
    from pipelines.openmm.engine import config, training
    from pipelines.openmm.weights import loading
    crop(toy_dogs_coco, tmp_path / 'crop', by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    cfg = config.load(LEAF, data_root=tmp_path / 'crop', num_classes=3, options=(
        *TINY, 'train_cfg.max_iters=1', 'train_dataloader.batch_size=4', 'default_hooks.logger.interval=1'))
    training.train(cfg, tmp_path / 'out', seed=0)
    torch.manual_seed(0)
    drawn = build(tmp_path)
    drawn.init_weights()
    weights = drawn.discriminator.downsamples[2].conv.weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.1) and abs(weights.mean().item()) < 1e-3
    state, before = loading.load(tmp_path / 'out/model.pth'), build(tmp_path).state_dict()
    assert list(state) == list(before)
    losses = json_files.read(tmp_path / 'out/metrics.jsonl')
    assert losses['loss_disc_real'] > 0 and losses['loss_gen'] > 0
    assert torch.isfinite(torch.stack([value.float().sum() for value in state.values()])).all()
