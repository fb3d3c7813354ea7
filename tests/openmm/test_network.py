"""Whoever builds a config's network builds the same one: training, evaluation, the table's prediction, sampling."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.core import images
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import config_files, network, speed, training

CONFIGS = Path(__file__).resolve().parents[2] / 'mm_configs'
LEAVES = sorted(path for stage in ('classify', 'detect') for path in (CONFIGS / stage).glob('*.py')
                if not config_files.is_pretraining(path))  # which answer nothing
GANS = sorted((CONFIGS / 'synth').glob('biggan*.py'))


@pytest.fixture(autouse=True)
def _without_a_compiler(monkeypatch):
    monkeypatch.setattr(speed, '_check_compiler', lambda mode: None)
    monkeypatch.setattr(torch.nn.Module, 'compile', lambda self, **kwargs: None)


def trained(cfg, folder: Path) -> torch.nn.Module:
    """The network that training and evaluation build, with the values that its constructor drew."""
    with training.quiet():
        return training.build_runner(training.prepare(cfg, folder, seed=0)).model.eval()


def answer(model: torch.nn.Module, cfg, picture: Path) -> torch.Tensor:
    """What a network says of a picture, from its file on."""
    from mmengine.dataset import Compose, pseudo_collate
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        row = Compose(cfg.test_dataloader.dataset.pipeline)(dict(img_path=str(picture), img_id=1, gt_label=0))
    with torch.inference_mode():
        [sample] = model.test_step(pseudo_collate([row]))
    return sample.pred_score if 'pred_score' in sample else sample.pred_instances.bboxes


@pytest.fixture(scope='module')
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp('picture') / 'a.jpg'
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    path.write_bytes(images.encode_jpeg(noise, 95))
    return path


def through_both_doors(path: Path, picture: Path, folder: Path, *options: str) -> torch.Tensor:
    def load():
        return mm.load(path, data_root=folder, num_classes=7, options=options)

    model = trained(load(), folder)
    other = network.build(load(), model.state_dict()).eval()
    expected, found = (answer(one, load(), picture) for one in (model, other))
    assert torch.equal(expected, found) and expected.numel()
    wanted = model.data_preprocessor
    for name in ('mean', 'std'):
        if hasattr(wanted, name):
            assert torch.equal(getattr(wanted, name), getattr(other.data_preprocessor, name))
    return found


def test_preprocessing_at_the_top_level_reaches_every_reader(tmp_path, picture):
    """As mmpretrain's dataset bases have it: training normalised, the table's prediction did not."""
    path = tmp_path / 'top.py'
    path.write_text(f"_base_ = '{CONFIGS}/classify/resnet18_64px.py'\n"
                    "model = dict(_delete_=True, type='ImageClassifier', backbone=_base_.model.backbone,\n"
                    "    neck=_base_.model.neck, head=_base_.model.head)\n"
                    "data_preprocessor = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],\n"
                    "    to_rgb=True)\n")
    found = through_both_doors(path, picture, tmp_path)
    cfg = mm.load(path, data_root=tmp_path, num_classes=7)
    assert network.build(cfg).data_preprocessor.mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])
    model = dict(cfg.model)
    cfg.data_preprocessor = None
    cfg.model = dict(model, data_preprocessor=dict(mean=[0.] * 3, std=[1.] * 3, to_rgb=True))
    torch.manual_seed(0)
    assert not torch.equal(found, answer(network.build(cfg).eval(), cfg, picture))


def test_weights_of_another_network_are_refused(tmp_path):
    from pipelines.core.errors import InputError
    cfg = mm.load(CONFIGS / 'classify/resnet18_64px.py', data_root=tmp_path, num_classes=7)
    state = network.build(cfg).state_dict()
    state.pop('head.fc.bias')
    with pytest.raises(InputError, match=r'the weights of resnet18_64px\.py, found Missing key.*head\.fc\.bias'):
        network.build(cfg, state)


@pytest.mark.mm
@pytest.mark.parametrize('path', LEAVES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_every_config_answers_the_same_through_every_door(path, picture, tmp_path):
    small = ['test_dataloader.dataset.pipeline.1.scale=(96,96)'] if path.parent.name == 'detect' else []
    if path.parent.name == 'detect' and 'rtmdet' not in path.stem:
        small += ['model.test_cfg.rcnn.score_thr=0.0']
    through_both_doors(path, picture, tmp_path, *small)


@pytest.mark.mm
@pytest.mark.parametrize('path', GANS, ids=lambda path: path.stem)
def test_every_generator_draws_the_same_through_every_door(path, tmp_path, monkeypatch):
    from pipelines.openmm.synth.biggan_few import FewImagesBigGAN
    monkeypatch.setattr(FewImagesBigGAN, '_iteration', lambda self: 10 ** 9)  # as after a training: classes are there

    def load():
        return mm.load(path, data_root=tmp_path, num_classes=7, options=['speed.dtype=float32',
                                                                         'speed.channels_last=False'])

    generator = trained(load(), tmp_path).generator
    for value in generator.parameters():  # some constructors leave their memory as it is
        torch.nn.init.normal_(value, std=0.1)
    other = network.build(load(), generator.state_dict(), part='generator').train()
    noise, label = torch.randn(2, generator.noise_size), torch.tensor([3, 5])
    generator.train()  # statistics of the batch: with those of a network never trained numbers overflow
    with torch.inference_mode():
        expected, found = (one(noise, label=label, return_noise=False) for one in (generator, other))
    assert torch.equal(expected, found) and expected.std() > 0
