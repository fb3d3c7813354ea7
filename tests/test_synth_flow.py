"""A flow through the synth stage: trained, killed and resumed, drawn by any number of processes."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import synth
from pipelines.core import images, json_files, lineage, shards
from pipelines.core.errors import InputError
from pipelines.crop import crop, parse_boxes
from pipelines.openmm.synth import drawing, recipes
from pipelines.openmm.weights import loading as weights
from tests import interrupted

pytestmark = pytest.mark.mm
LEAF = Path(__file__).resolve().parents[1] / 'mm_configs/synth/flow_64px.py'
TINY = ('train_cfg.max_iters=4', 'train_dataloader.batch_size=4',
        'default_hooks.checkpoint.interval=2', 'default_hooks.logger.interval=1', 'model.generator.channels=[8,8,16]',
        'sampling.steps=1', 'speed.dtype=float32')


@pytest.fixture(scope='module')
def crops(toy_dogs_coco: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crop folder: 3 classes, 7 train, 1 val and 4 test images each, 64 px."""
    out = tmp_path_factory.mktemp('flow') / 'crop'
    crop(toy_dogs_coco, out, by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    return out


def test_the_whole_stage(crops: Path, tmp_path: Path, capsys):
    def run(**changes) -> None:
        synth.synth(crops, tmp_path / 'synth', tmp_path / 'model', **dict(
            dict(config=LEAF, images_per_class=5, classifier_steps=5, options=list(TINY)), **changes))

    run()
    rows = lineage.read_list(tmp_path / 'synth/train.json')[1]
    assert len(rows) == 15 and images.size(tmp_path / 'synth' / rows[4]['img_path']) == (64, 64)
    metrics = json_files.read(tmp_path / 'synth/metrics.json')
    assert (metrics['iterations'], metrics['resolution']) == (4, 64)
    grid = images.decode(tmp_path / 'model/logs/samples/000004.jpg')
    assert grid.shape == (4 * 64, 3 * 64, 3) and grid.std() > 20

    capsys.readouterr()
    run()
    assert capsys.readouterr().out.count('up to date') == 2
    before = images.decode(tmp_path / 'synth' / rows[4]['img_path']).astype(int)
    run(images_per_class=4, options=[*TINY, 'sampling.batch=3'])
    assert capsys.readouterr().out.count('up to date') == 1  # what is drawn, and how, retrains nothing
    assert np.abs(images.decode(tmp_path / 'synth' / rows[4]['img_path']) - before).mean() < 0.1
    for option, found in (('steps=0', 'steps 0 below 1'), ('dtype=float16', 'dtype float16, none of float32'),
                          ('guidanc=2', "unexpected keyword argument 'guidanc'")):
        with pytest.raises(InputError, match=f'sampling: expected what Flow takes, found .*{found}'):
            run(options=[*TINY, f'sampling.{option}'])


def test_an_interrupted_training_ends_in_the_same_averaged_weights(crops: Path, tmp_path: Path, monkeypatch):
    import torch

    from pipelines.openmm.engine import config, training
    from pipelines.openmm.synth import flow

    def train(folder: Path) -> dict:
        training.train(config.load(LEAF, data_root=crops, num_classes=3, options=TINY), folder, seed=0)
        return weights.load(folder / 'model.pth')

    whole, resumed = interrupted.twice(train, flow.FlowGridHook, tmp_path, monkeypatch)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
    losses = [[json.loads(line) for line in (tmp_path / name / 'metrics.jsonl').read_text().splitlines()]
              for name in ('whole', 'resumed')]
    assert losses[0] == losses[1] and [row['step'] for row in losses[0]] == [1, 2, 3, 4]
    last = torch.load(tmp_path / 'whole/logs/iter_4.pth', weights_only=False)
    trained = last['ema_state_dict']['module.generator.stem.weight']
    assert torch.equal(last['state_dict']['generator.stem.weight'], whole['generator.stem.weight'])
    assert 0 < (trained - whole['generator.stem.weight']).abs().max() < 0.1  # what is drawn with is the average


def test_several_processes_write_the_bytes_of_one(crops: Path, tmp_path: Path):
    """10 images in batches of 1 and shards of 4."""
    import torch

    from pipelines.openmm.engine import config, network
    options = (*TINY, 'sampling.batch=1')
    torch.manual_seed(0)
    cfg = config.load(LEAF, data_root=crops, num_classes=3, options=options)
    built = network.build(cfg)
    for value in built.parameters():
        torch.nn.init.normal_(value, std=0.1)
    torch.save(built.state_dict(), tmp_path / 'flow.pth')
    torch.save(built.generator.state_dict(), tmp_path / 'alone.pth')
    rows, found = [dict(img_path=f'images/{i % 3}/{i}.png', gt_label=i % 3, seed=i) for i in range(10)], []
    for name, gpus in (('flow', 1), ('alone', 2)):
        recipe = recipes.Recipe(LEAF, crops, ('a', 'b', 'c'), tmp_path / f'{name}.pth', options, gpus)
        (folder := tmp_path / name).mkdir()
        drawing.write_images(folder, rows, recipe, quality=95)
        assert len(list((folder / '.shards').iterdir())) == 3
        found.append([(folder / row['img_path']).read_bytes() for row in rows])
    assert found[0] == found[1] and len(set(found[0])) == 10


def test_a_training_whose_samples_show_a_failure_is_stopped_and_says_so(crops: Path, tmp_path: Path, monkeypatch):
    """Noise, after 2 steps and after 3; killed as it stops, it does not go on."""
    from pipelines.openmm.engine import checkpoints
    finish, calls = checkpoints.chosen, []

    def killed(folder: Path):
        calls.append(folder)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return finish(folder)

    def run() -> None:
        synth.synth(crops, tmp_path / 'synth', tmp_path / 'model', config=LEAF, images_per_class=3, classifier_steps=5,
                    options=[*TINY, 'custom_hooks.3.interval=1', 'custom_hooks.3.begin=2', 'custom_hooks.3.steps=5'])

    monkeypatch.setattr(checkpoints, 'chosen', killed)
    with pytest.raises(KeyboardInterrupt):
        run()
    run()
    seen = json_files.read(tmp_path / 'model/looks.json')
    assert ([look['iteration'] for look in seen['looks']], seen['stopped'], seen['of']) == ([2, 3], 3, 4)
    assert all(look['synthetic']['one_nn'] > 0.75 and look['signs'] for look in seen['looks'])
    metrics = json_files.read(tmp_path / 'synth/metrics.json')
    assert metrics['iterations'] == 3
    assert metrics['signs']['collapse'][0].startswith('training was stopped after 3 of 4 iterations: ')
    steps = [json.loads(line)['step'] for line in (tmp_path / 'model/metrics.jsonl').read_text().splitlines()]
    assert steps == [1, 2, 3]
    manifest = json_files.read(tmp_path / 'model/manifest.json')
    assert 'crop/square_val.json' in json.dumps(manifest['inputs'])  # it decided when the training ended
