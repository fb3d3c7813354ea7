"""Weights that do not fit stop a training before its first step."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.core.errors import InputError
from pipelines.core.fingerprint import sha256
from pipelines.openmm.compat import scope  # noqa: F401  (hooks register themselves)
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import hooks, training  # noqa: F401  (hooks register themselves)
from pipelines.openmm.weights import fit as weight_fit  # noqa: F401  (hooks register themselves)
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights.table import HALF, IMAGENET, TABLE, Weights


def give(folder: Path, monkeypatch: pytest.MonkeyPatch, model: nn.Module, name: str = 'mine', **row) -> None:
    """Put a model's weights into a mirror folder, and into the table."""
    path = folder / 'mine.pth'
    torch.save(model.state_dict(), path)
    monkeypatch.setitem(TABLE, name, Weights(path.name, sha256(path), 'MIT', **row))
    monkeypatch.setenv('FGIC_WEIGHTS', str(folder))
    weights.resolve.cache_clear()


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mobilenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A MobileNetV2 with random weights in the place of torchvision's."""
    import torchvision
    give(tmp_path, monkeypatch, torchvision.models.mobilenet_v2(), conversion='mobilenet_v2')


def classifier(*, prefix: str | None = 'backbone', normalisation: tuple = IMAGENET, rgb: bool = True, **backbone):
    scope.enter('mmpretrain')
    from mmengine.registry import MODELS
    mean, std = normalisation
    return MODELS.build(dict(
        type='ImageClassifier', data_preprocessor=dict(mean=list(mean), std=list(std), to_rgb=rgb),
        backbone=dict(type='MobileNetV2', **backbone,
                      init_cfg=dict(type='Pretrained', checkpoint='weights://mine', prefix=prefix)),
        neck=dict(type='GlobalAveragePooling'), head=dict(type='LinearClsHead', num_classes=7, in_channels=1280)))


def test_converted_weights_fit_and_are_loaded(mobilenet):
    model = classifier()
    weight_fit.check_fit(model)
    model.init_weights()
    state = weights.state('mine')
    assert torch.equal(model.backbone.conv2.conv.weight, state['backbone.conv2.conv.weight'])


@pytest.mark.parametrize('changes, message', [
    (dict(prefix='head'), 'weights://mine for backbone: expected all tensors of MobileNetV2'),
    (dict(prefix=None), 'found none for'),
    (dict(widen_factor=0.5), 'such as conv1.conv.weight|such as layer1'),
    (dict(normalisation=HALF), 'expected inputs as in its training: RGB, mean and std .*123.675'),
    (dict(rgb=False), 'found BGR'),
], ids=['another part', 'a part of the whole', 'narrower', 'another normalisation', 'another order of colours'])
def test_what_does_not_fit_is_refused(mobilenet, changes, message):
    with pytest.raises(InputError, match=message):
        weight_fit.check_fit(classifier(**changes))


@pytest.mark.parametrize('as_list', [False, True])
def test_weights_that_are_drawn_anew_after_loading_are_refused(tmp_path, monkeypatch, as_list):
    """mmpretrain's VisionTransformer draws its position embedding last, unless ``init_cfg`` is a dict."""
    import timm
    scope.enter('mmpretrain')
    from mmengine.registry import MODELS
    give(tmp_path, monkeypatch, timm.create_model('vit_tiny_patch16_224'), conversion='vit', normalisation=HALF)
    start = dict(type='Pretrained', checkpoint='weights://mine', prefix='backbone')
    arch = dict(embed_dims=192, num_layers=12, num_heads=3, feedforward_channels=768)
    model = MODELS.build(dict(
        type='ImageClassifier', data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
        backbone=dict(type='VisionTransformer', arch=arch, init_cfg=[start] if as_list else start),
        head=dict(type='VisionTransformerClsHead', num_classes=7, in_channels=192)))
    weight_fit.check_fit(model)
    model.init_weights()
    if as_list:
        with pytest.raises(InputError, match='for backbone: expected its values in pos_embed, found others'):
            weight_fit.check_loaded(model)
    else:
        weight_fit.check_loaded(model)


def test_misfits_by_hand():
    wanted = {'a': torch.zeros(4, 3), 'fc': torch.zeros(2, 5), 'gone': torch.zeros(1), 'count': torch.tensor(1),
              'x.pos_embed': torch.zeros(1, 5, 2)}
    given = {'a': torch.zeros(4, 2), 'fc': torch.zeros(81, 5), 'x.pos_embed': torch.zeros(1, 9, 2)}
    assert weight_fit.misfits(wanted, given) == (['a', 'gone'], ['fc'])


def tiny(load_from: Path | None, epochs: int):
    from tools.faults import tiny_training
    config = tiny_training.config(epochs, 3, 'SafeCheckpointHook')
    config.optim_wrapper.optimizer.lr = 0.0
    config.load_from = None if load_from is None else str(load_from)
    return config


def test_load_from_starts_a_training_and_its_checkpoints_resume_it(tmp_path):
    start = {'weight.weight': torch.tensor([[1., 2., 3.]]), 'weight.bias': torch.tensor([4.]), 'ballast': torch.ones(3)}
    torch.save(start, tmp_path / 'start.pth')
    training.train(tiny(tmp_path / 'start.pth', 1), tmp_path / 'run', seed=0)
    assert torch.equal(weights.load(tmp_path / 'run/model.pth')['weight.weight'], start['weight.weight'])

    torch.save({name: value + 1 for name, value in start.items()}, tmp_path / 'start.pth')
    training.train(tiny(tmp_path / 'start.pth', 2), tmp_path / 'run', seed=0)
    assert torch.equal(weights.load(tmp_path / 'run/model.pth')['weight.weight'], start['weight.weight'])
    log = min((tmp_path / 'run/logs').rglob('*.log')).read_text()
    assert f'from {tmp_path}/start.pth; starting anew: nothing' in log


@pytest.mark.parametrize('state, message', [
    ({'weight.weight': torch.zeros(1, 4), 'weight.bias': torch.zeros(1)}, 'none for 1 of 3, such as weight.weight'),
    ({'other': torch.zeros(1)}, 'expected all tensors of Line, in its sizes, found none for 3 of 3'),
])
def test_load_from_refuses_weights_of_another_network(tmp_path, state, message):
    torch.save(state, tmp_path / 'start.pth')
    with pytest.raises(InputError, match=message):
        training.train(tiny(tmp_path / 'start.pth', 1), tmp_path / 'run', seed=0)


@pytest.mark.mm
def test_a_detector_starts_from_coco_but_for_its_classes(toy_dogs_coco, tmp_path, monkeypatch):
    from torchvision.models.detection import fasterrcnn_resnet50_fpn
    give(tmp_path, monkeypatch, fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None),
         'faster_rcnn_r50_fpn_coco', conversion='faster_rcnn')
    small = ['train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=0.0', 'train_dataloader.dataset.indices=2',
             'val_dataloader.dataset.indices=1', 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
             'train_dataloader.persistent_workers=False', 'val_dataloader.persistent_workers=False',
             'train_dataloader.dataset.pipeline.2.scale=(320,320)', 'val_dataloader.dataset.pipeline.1.scale=(320,320)']
    cfg = mm.load(ROOT / 'mm_configs/detect/faster-rcnn_r50_fpn_coco.py', data_root=toy_dogs_coco, num_classes=3,
                  options=small)
    training.train(cfg, tmp_path / 'run', seed=0)
    trained, given = weights.load(tmp_path / 'run/model.pth'), weights.state('faster_rcnn_r50_fpn_coco')
    anew = ['roi_head.bbox_head.fc_cls.weight', 'roi_head.bbox_head.fc_cls.bias',
            'roi_head.bbox_head.fc_reg.weight', 'roi_head.bbox_head.fc_reg.bias']
    for name in ('backbone.layer4.2.conv3.weight', 'neck.fpn_convs.3.conv.bias', 'rpn_head.rpn_reg.weight',
                 'roi_head.bbox_head.shared_fcs.1.weight'):
        assert torch.equal(trained[name], given[name])
    assert [len(trained[name]) for name in anew] == [2, 2, 4, 4]
    log = next((tmp_path / 'run/logs').rglob('*.log')).read_text()
    assert f'from weights://faster_rcnn_r50_fpn_coco; starting anew: {", ".join(anew)}\n' in log


@pytest.mark.parametrize('heads', [2, 4])
def test_weights_of_another_number_of_heads_do_not_fit(heads, tmp_path, monkeypatch):
    """Their tensors have the same names and sizes."""
    scope.enter('mmpretrain')
    from mmengine.registry import MODELS

    def backbone(heads: int, **more) -> nn.Module:
        return MODELS.build(dict(type='VisionTransformer', img_size=32, arch=dict(
            embed_dims=8, num_layers=1, num_heads=heads, feedforward_channels=16), **more))

    give(tmp_path, monkeypatch, backbone(4), normalisation=None, heads=(4,))
    model = nn.ModuleDict(dict(backbone=backbone(heads, init_cfg=dict(type='Pretrained', checkpoint='weights://mine'))))
    if heads == 4:
        return weight_fit.check_fit(model)
    with pytest.raises(InputError, match=r'weights://mine: expected 4 heads of attention, found 2'):
        weight_fit.check_fit(model)
