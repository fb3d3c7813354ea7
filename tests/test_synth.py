"""The synth stage; what needs mmagic is marked mm."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines import synth
from pipelines.core import fingerprint, images, json_files, lineage, shards
from pipelines.core.errors import InputError
from pipelines.crop import crop, parse_boxes
from pipelines.openmm.synth import drawing
from pipelines.openmm.weights import loading as weights
from tests import interrupted

CONFIGS = Path(__file__).resolve().parents[1] / 'mm_configs' / 'synth'
LAPTOP = CONFIGS / 'biggan-deep_64px.py'
TINY = ['train_cfg.max_iters=4', 'train_dataloader.batch_size=4', 'default_hooks.checkpoint.interval=2',
        'default_hooks.logger.interval=1',
        'model.generator.arch_cfg.in_channels=[64,64,32,16]', 'model.generator.arch_cfg.out_channels=[64,32,16,8]',
        'model.discriminator.base_channels=4', 'sampling.standing_batches=1']


@pytest.fixture(scope='module')
def crops(toy_dogs_coco: Path) -> Path:
    """A crop folder: 3 classes, 7 train, 1 val and 4 test images each, 64 px."""
    out = toy_dogs_coco.parent / 'crop'
    crop(toy_dogs_coco, out, by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    return out


def test_seeds_differ_between_classes_and_do_not_depend_on_the_count():
    seeds = [drawing.image_seed(seed, label, index)
             for seed in (0, 1) for label in (0, 1, 199) for index in (0, 99_999)]
    assert len(set(seeds)) == len(seeds)
    assert drawing.image_seed(0, 3, 17) == 300_017


def test_classifier_learns_colours_and_repeats():
    import torch

    from pipelines.openmm.synth import small_classifier
    labels = torch.arange(60) % 3
    pixels = torch.randint(0, 80, (60, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[torch.arange(60), labels] += 120
    models = [small_classifier.train(pixels, labels, 3, steps=20, seed=1, batch=16) for _ in range(2)]
    scores = [small_classifier.run(model, pixels) for model in models]
    assert torch.equal(scores[0].argmax(1), labels) and torch.equal(*scores)
    assert small_classifier.run(models[0].embedding, pixels).shape == (60, 32)
    assert small_classifier.run(models[0].plane, pixels).shape == (60, 32 * 16 * 16 // 256)


def test_images_give_way_with_a_probability_to_images_whose_labels_are_soft():
    import torch

    from pipelines.openmm.synth import small_classifier as small
    x, y = torch.zeros(2000, 1, 1, 1, dtype=torch.uint8), torch.eye(4)[torch.arange(2000) % 2]
    mixed = small.Mixed(torch.tensor([7, 8], dtype=torch.uint8)[:, None, None, None], torch.tensor([1, 3]), 0.3)
    found, labels = small._replaced(x, y, mixed, torch.Generator().manual_seed(0))
    gone = found.flatten() > 0
    assert not gone[::2].any()  # there is none of their class
    assert 0.26 < float(gone[1::2].float().mean()) < 0.34 and torch.equal(labels[~gone], y[~gone])
    assert set(found.flatten()[gone].tolist()) == {7}
    assert torch.allclose(labels[gone], torch.tensor([1, 12, 1, 1]) / 15)


def test_a_judge_sees_new_images_of_the_kind_noise_copies_and_wrong_labels():
    import torch

    from pipelines.core import sample_figures
    from pipelines.openmm.synth import figures

    def drawn(count: int, seed: int) -> figures.Pixels:
        """Bars of a class's direction and colour, anywhere."""
        source, labels = torch.Generator().manual_seed(seed), torch.arange(count) % 3
        pixels = torch.randint(0, 90, (count, 3, 64, 64), dtype=torch.uint8, generator=source)
        for picture, label in zip(pixels, labels):
            left, top = torch.randint(0, 44, (2,), generator=source).tolist()
            wide, high = [(20, 8), (8, 20), (14, 14)][label]
            picture[label, top:top + high, left:left + wide] += 120
        return figures.Pixels(pixels, labels)

    train = drawn(60, 0)
    judge = figures.Judge(train, drawn(36, 1), 3, steps=30, seeds=1)
    new = judge.look(drawn(60, 2).pixels, train.labels)
    assert new['signs'] == [] and new['synthetic']['recognised'] > 0.9
    assert new['held-out real']['one_nn'] == pytest.approx(0.5, abs=0.15)
    noise = torch.randint(0, 255, (60, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    assert len(judge.look(noise, train.labels)['signs']) >= 3  # at any size
    wrong = judge.look(drawn(60, 2).pixels, train.labels.roll(1))
    assert [sign.split(' recognises')[0] for sign in wrong['signs']] == ['a classifier of real images']
    copies = judge.look((train.pixels.flip(3).float() * 0.99).to(torch.uint8), train.labels)['synthetic']
    assert sample_figures.signs_of_copying(copies) and not sample_figures.signs_of_copying(new['synthetic'])


def test_missing_lists_and_test_images_in_training_stop_before_anything_is_written(crops: Path, tmp_path: Path):
    with pytest.raises(InputError, match='make crop'):
        synth.synth(tmp_path / 'nothing', tmp_path / 'out', tmp_path / 'model', config=LAPTOP)
    leaked = tmp_path / 'crop'
    leaked.mkdir()
    for split in ('train', 'val', 'test'):
        shutil.copy(crops / f'square_{split}.json', leaked)
    content = json.loads((leaked / 'square_train.json').read_text())
    content['data_list'][0]['image_id'] = lineage.read_list(leaked / 'square_test.json')[1][0]['image_id']
    (leaked / 'square_train.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match='train split only'):
        synth.synth(leaked, tmp_path / 'out', tmp_path / 'model', config=LAPTOP)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['crop']


def test_too_few_images_and_fid_without_what_computes_it(crops: Path, tmp_path: Path, monkeypatch):
    with pytest.raises(InputError, match='enough for 4 images of 3 classes, found 1'):
        synth.synth(crops, tmp_path / 'out', tmp_path / 'model', config=LAPTOP, images_per_class=1)
    (weights := tmp_path / 'inception.pth').touch()
    monkeypatch.setattr(synth.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(InputError, match='the package torch-fidelity, .*\n.*pip install --no-deps torch-fidelity'):
        synth.synth(crops, tmp_path / 'out', tmp_path / 'model', config=LAPTOP, inception=weights)


def test_missing_weight_file(crops: Path, tmp_path: Path):
    with pytest.raises(InputError, match='--weights .*gone.pth'):
        synth.synth(crops, tmp_path / 'out', tmp_path / 'model', config=LAPTOP, weights=tmp_path / 'gone.pth')


@pytest.mark.mm
def test_the_whole_stage(crops: Path, tmp_path: Path, capsys):
    def run(**changes) -> dict:
        return synth.synth(crops, tmp_path / 'synth', tmp_path / 'models' / 'synth', **dict(
            dict(config=LAPTOP, images_per_class=5, classifier_steps=5, options=TINY), **changes))

    run()
    classes, rows = lineage.read_list(tmp_path / 'synth' / 'train.json')
    assert classes == lineage.read_list(crops / 'square_train.json')[0]
    assert [row['gt_label'] for row in rows] == [0, 1, 2] * 5
    weights = fingerprint.sha256(tmp_path / 'models' / 'synth' / 'model.pth')
    assert rows[4] == dict(img_path=f'images/{classes[1]}/100001.jpg', gt_label=1, split='train',
                           box_source='synthetic', generator=weights, seed=100001,
                           sha256=fingerprint.sha256(tmp_path / 'synth' / rows[4]['img_path']),
                           rank=rows[4]['rank'])
    assert all(1 <= row['rank'] <= 3 for row in rows)
    assert {images.size(tmp_path / 'synth' / row['img_path']) for row in rows} == {(64, 64)}
    assert len(list((tmp_path / 'synth' / 'images').rglob('*.jpg'))) == 15
    lineage.check_training_list(tmp_path / 'synth' / 'train.json')
    assert list((tmp_path / 'models' / 'synth' / 'logs').rglob('events.out.tfevents.*'))
    assert (tmp_path / 'models' / 'synth' / 'logs' / 'samples' / '000004.jpg').is_file()

    metrics = json_files.read(tmp_path / 'synth' / 'metrics.json')
    assert metrics['images'] == dict(train=21, val=3, synthetic=15) and metrics['chance'] == 0.3333
    rows_of = metrics['figures'][0]['rows']
    assert list(rows_of) == ['held-out real', 'synthetic'] and len(metrics['figures']) == 1
    assert set(rows_of['synthetic']) == set(rows_of['held-out real']) - {'kid_floor'}
    assert rows_of['synthetic']['recognised'] == round(float(np.mean([row['rank'] == 1 for row in rows])), 4)
    assert images.size(tmp_path / 'synth' / 'nearest.jpg') == (3 * 134, 4 * 148)
    assert (metrics['iterations'], metrics['resolution']) == (4, 64)
    assert not [path.name for path in (tmp_path / 'synth').iterdir() if path.name.startswith('.')]

    capsys.readouterr()
    run()
    assert capsys.readouterr().out.count('up to date') == 2
    first = images.decode(tmp_path / 'synth' / rows[4]['img_path']).astype(float)
    run(images_per_class=4, options=[*TINY, 'sampling.batch=3'])
    assert capsys.readouterr().out.count('up to date') == 1
    assert len(lineage.read_list(tmp_path / 'synth' / 'train.json')[1]) == 12
    again = images.decode(tmp_path / 'synth' / rows[4]['img_path'])
    assert np.abs(again - first).mean() < 0.1  # another batch: a level in some pixels, before JPEG

    jpeg = images.decode(tmp_path / 'synth' / rows[4]['img_path']).astype(float)
    run(images_per_class=4, image_format='png')
    png = tmp_path / 'synth' / lineage.read_list(tmp_path / 'synth' / 'train.json')[1][4]['img_path']
    assert png.name == '100001.png' and np.abs(images.decode(png) - jpeg).mean() < 4

    shutil.copytree(crops, blank := tmp_path / 'blank/crop', symlinks=True)
    for row in lineage.read_list(blank / 'square_test.json')[1]:  # no test image is looked at
        (blank / row['img_path']).write_bytes(images.encode_jpeg(np.zeros((64, 64, 3), np.uint8), 90))
    synth.synth(blank, tmp_path / 'other', tmp_path / 'models' / 'synth', config=LAPTOP, images_per_class=4,
                classifier_steps=5, image_format='png', options=TINY)
    assert all(fingerprint.sha256(tmp_path / 'other' / name) == fingerprint.sha256(tmp_path / 'synth' / name)
               for name in ('train.json', 'metrics.json', 'nearest.jpg', 'grid_synthetic.jpg'))

    with pytest.raises(InputError, match='sampling: expected .*bfloat16, found float16'):
        run(options=[*TINY, 'sampling.dtype=float16'])
    with pytest.raises(InputError, match='num_classes.*expected 3'):
        run(options=[*TINY, 'model.num_classes=7'])


@pytest.mark.mm
def test_an_interrupted_training_ends_in_the_same_weights(crops: Path, tmp_path: Path, monkeypatch):
    import torch

    from pipelines.openmm.engine import config, training
    from pipelines.openmm.synth import grids

    def train(folder: Path) -> dict:
        cfg = config.load(LAPTOP, data_root=crops, num_classes=3, options=TINY)
        training.train(cfg, folder, seed=0)
        return weights.load(folder / 'model.pth')

    whole, resumed = interrupted.twice(train, grids.SampleGridHook, tmp_path, monkeypatch)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
    steps = [json.loads(line)['step'] for line in (tmp_path / 'resumed' / 'metrics.jsonl').read_text().splitlines()]
    assert steps == [1, 2, 3, 4]


@pytest.mark.mm
def test_diffaugment():
    import torch

    from pipelines.openmm.synth import gan
    torch.manual_seed(0)
    x = torch.rand(32, 3, 16, 16) + 0.5
    moved = gan.translation(x)
    shifts = {(dy, dx) for image, out in zip(x, moved) for dy in range(-2, 3) for dx in range(-2, 3)
              if torch.equal(out[:, max(dy, 0):16 + min(dy, 0), max(dx, 0):16 + min(dx, 0)],
                             image[:, max(-dy, 0):16 + min(-dy, 0), max(-dx, 0):16 + min(-dx, 0)])}
    assert len(shifts) > 10 and all(max(abs(dy), abs(dx)) <= 2 for dy, dx in shifts)
    holes = (gan.cutout(x) == 0).all(dim=1).sum(dim=(1, 2))
    assert holes.max() <= 64 and holes.min() >= 16
    assert not torch.equal(gan.brightness_saturation_contrast(x), x)


@pytest.mark.mm
def test_discriminator_takes_the_labels_as_mmagic_stacks_them_and_augments_in_training_only():
    import torch

    from pipelines.openmm.synth import gan
    torch.manual_seed(0)
    critic = gan.DiffAugmentBigGANDeepDiscriminator(64, num_classes=3, base_channels=4, block_depth=1).eval()
    x, label = torch.randn(3, 3, 64, 64), torch.tensor([0, 1, 2])
    assert critic(x, label[:, None]).shape == (3, 1)
    assert torch.equal(critic(x, label[:, None]), critic(x, label))
    x.requires_grad_()
    critic.train()(x, label).sum().backward()
    assert x.grad.abs().sum() > 0
    assert not torch.equal(critic(x, label), critic(x, label))


@pytest.mark.mm
@pytest.mark.parametrize('path', sorted(CONFIGS.glob('biggan*.py')), ids=lambda path: path.stem)
def test_the_parts_of_a_generator_have_one_size(path: Path):
    from mmengine import Config

    from pipelines.openmm.compat import scope
    scope.enter('mmagic')
    cfg = Config.fromfile(str(path))
    side = cfg.model.generator.output_scale
    assert side == int(path.stem.split('_')[1].removesuffix('px'))
    assert cfg.model.get('discriminator', dict(input_scale=side)).input_scale == side
    assert next(step for step in cfg.train_dataloader.dataset.pipeline if step['type'] == 'FitCrop')['size'] == side


@pytest.mark.mm
def test_256_px_networks_fit_together():
    import torch

    from pipelines.openmm.engine import config
    path = CONFIGS / 'biggan-deep_256px.py'
    cfg = config.load(path, data_root=Path('nowhere'), num_classes=120)
    from mmagic.registry import MODELS
    model = MODELS.build(cfg.model)
    with torch.no_grad():
        pictures = model.generator(torch.randn(2, 128), label=torch.tensor([0, 119]))
        assert pictures.shape == (2, 3, 256, 256) and pictures.abs().max() <= 1
        assert model.discriminator(pictures, torch.tensor([0, 119])).shape == (2, 1)
