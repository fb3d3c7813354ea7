"""ONNX files: parity at every batch and size, or no file; an example that needs no torch."""
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipelines.core import boxes, bundle, images
from pipelines.core.errors import InputError
from pipelines.openmm.export import example, steps
from tests.chain_work import ROW

onnx = pytest.mark.skipif(not importlib.util.find_spec('onnxruntime'), reason='make setup-export installs onnxruntime')
ROOT = Path(__file__).resolve().parents[2]
# A network of each family, small; the transforms of its recipe do not matter here.
FAMILIES = dict(
    resnet=('mmpretrain', dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, out_indices=(3,)), 64, True),
    swin=('mmpretrain', dict(type='SwinTransformer', img_size=64, patch_size=4, window_size=2, arch=dict(
        embed_dims=16, depths=[2, 2], num_heads=[2, 2]), out_indices=(1,)), 32, True),
    vit=('mmpretrain', dict(type='VisionTransformer', img_size=64, patch_size=16, arch=dict(
        embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=32)), 32, False),
    convnext=('mmpretrain', dict(type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 8, 8, 16])), 16, False),
    mobilenet=('mmpretrain', dict(type='MobileNetV2', widen_factor=0.25), 1280, True),
    timm=('mmpretrain', dict(type='TIMMBackbone', model_name='tf_efficientnet_lite0', features_only=False,
                             pretrained=False), 1280, True))


@pytest.mark.parametrize(('interpolation', 'name'), [('bilinear', 'INTER_LINEAR'), ('bicubic', 'INTER_CUBIC'),
                                                     ('area', 'INTER_AREA')])
@pytest.mark.parametrize('size', [(40, 30), (90, 170), (33, 211)])
def test_the_example_resizes_as_opencv_does(interpolation, name, size):
    import cv2
    if interpolation == 'area' and size != (40, 30):
        pytest.skip('area averaging only shrinks here')
    picture = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    wanted = cv2.resize(picture, size[::-1], interpolation=getattr(cv2, name)).astype(int)
    found = example.resize(picture, *size, interpolation)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= (interpolation != 'bilinear') and np.abs(found - wanted).mean() < 0.05


@pytest.mark.parametrize('kind', ['box', 'square', 'square-m30'])
def test_the_example_cuts_as_the_crop_stage_does(kind):
    from pipelines.core import cropping
    from pipelines.core.kinds import Kind
    rng, one = np.random.default_rng(1), Kind.parse(kind)
    for _ in range(200):
        size = rng.integers(20, 200, 2)
        start = rng.uniform(0, size - 3)
        box = np.concatenate([start, np.minimum(start + rng.uniform(1, 150, 2), size)]).round(2)
        wanted = cropping.plan(one, box[None], size[None], 16)[0].tolist()
        assert example.area(box, size, dict(shape=one.shape, margin=one.margin / 100, min_size=16)) == wanted


def test_steps_follow_a_config_and_refuse_what_they_do_not_know():
    from mmengine import Config

    def config(*transforms: dict) -> Config:
        return Config(dict(test_dataloader=dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'), *transforms]))))

    fit = dict(type='Resize', scale=(64, 48), keep_ratio=True, interpolation='bicubic')
    pad = dict(type='Pad', size=(64, 64), pad_val=dict(img=(1, 2, 3)))
    found = steps.of(config(fit, pad, dict(type='PackInputs')))
    assert found == [dict(op='resize', size=[48, 64], keep_ratio=True, interpolation='bicubic'),
                     dict(op='pad', size=[64, 64], value=[3, 2, 1])]
    assert steps.size_of(found) == (64, 64) and steps.size_of(found[:1]) is None
    cut = steps.of(config(dict(type='Resize', scale=60), dict(type='CenterCrop', crop_size=44)))
    assert steps.size_of(cut) == (44, 44)
    for unknown in (dict(type='Lighting'), dict(fit, backend='pillow', other=1)):
        with pytest.raises(InputError, match=r'pipeline\[1\]: expected one of Resize, Pad, CenterCrop'):
            steps.of(config(unknown))


def classifier(family: str):
    """Of a small network that tells the crops apart: parity of equal answers would say nothing."""
    import torch
    from mmengine.registry import MODELS, DefaultScope

    from pipelines.openmm.compat import scope
    from pipelines.openmm.export.classifier import Classifier
    library, backbone, channels, pooled = FAMILIES[family]
    scope.enter(library)
    torch.manual_seed(0)
    neck = dict(neck=dict(type='GlobalAveragePooling')) if pooled else {}
    head = dict(type='LinearClsHead', in_channels=channels, num_classes=5)
    with DefaultScope.overwrite_default_scope(library):
        network = MODELS.build(dict(
            type='ImageClassifier', backbone=backbone, head=head, **neck,
            data_preprocessor=dict(mean=[120., 110., 100.], std=[60., 50., 40.], to_rgb=True)))
    crops = torch.from_numpy(colours()).float() / 60 - 2
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean
    with torch.no_grad():
        network.train()(crops, mode='tensor')
        torch.nn.init.normal_(network.head.fc.weight, std=0.5)
    return Classifier([network.eval()]).eval()


def colours() -> np.ndarray:
    """(8, 3, 64, 64) crops that differ: a colour, a slope and a stripe each."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    crops = rng.uniform(0, 200, (8, 3, 1, 1)) + rng.uniform(-1, 1, (8, 3, 1, 1)) * rows + 40 * (
        (columns // rng.integers(3, 20, (8, 1, 1, 1))) % 2)
    return (crops + rng.normal(0, 5, crops.shape)).clip(0, 255).astype(np.uint8)


@onnx
@pytest.mark.mm
@pytest.mark.parametrize('family', FAMILIES)
def test_every_family_says_the_same_at_every_batch(family, tmp_path):
    from pipelines.openmm.export import files
    network, path = classifier(family), tmp_path / 'classifier.onnx'
    crops = colours()
    files.write_classifier(path, network, 64, 64, list('abcde'))
    assert files.check_classifier(path, network, crops) <= 1e-4
    spread = files.session(path).run(None, {'image': crops})[0]
    assert np.ptp(spread, axis=0).max() > 0.02  # the answers differ, so equal ones would be noticed


@onnx
@pytest.mark.mm
def test_a_file_that_says_something_else_is_refused(tmp_path, monkeypatch):
    """mmpretrain's own windows: right at the export's batch, and silently wrong at others."""
    import contextlib

    from pipelines.openmm.export import files
    network, path = classifier('swin'), tmp_path / 'classifier.onnx'
    monkeypatch.setattr(files, 'any_batch', contextlib.nullcontext)
    files.write_classifier(path, network, 64, 64, list('abcde'))
    with pytest.raises(InputError, match='classifier.onnx: expected probabilities within 0.0001 of torch'):
        files.check_classifier(path, network, colours())


@pytest.fixture(scope='module')
def exported(chain_work, tmp_path_factory):
    """A bundle, and the folder of its export."""
    from pipelines import export
    chain = bundle.make(chain_work, ROW)
    out = tmp_path_factory.mktemp('export') / 'row'
    export.export(chain, out, conf=0.)
    return chain, out


@onnx
@pytest.mark.mm
def test_an_export_has_its_card_and_its_parity(exported):
    chain, out = exported
    card = (out / 'README.md').read_text()
    head = yaml.safe_load(card.split('---\n')[1])
    assert head['library_name'] == 'onnx' and head['pipeline_tag'] == 'image-classification'
    assert head['model-index'][0]['name'] == ROW and 'license' in head
    parity = json.loads((out / 'parity.json').read_text())
    assert parity['classifier']['probability'] <= 1e-4 and parity['classifier']['batches'] == [1, 2, 3, 8]
    assert parity['detector']['iou'] >= 0.99 and parity['detector']['boxes'] >= 8
    assert len(parity['detector']['sizes']) >= 2
    assert str(ROOT).encode() not in (out / 'detector.onnx').read_bytes() + (
        out / 'classifier.onnx').read_bytes()


@onnx
@pytest.mark.mm
def test_the_example_says_what_the_chain_says_and_needs_no_torch(exported, chain_work, tmp_path):
    from pipelines.openmm.chain.chain import Chain
    chain, out = exported
    for name in ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpretrain', 'cv2', 'pipelines'):
        (tmp_path / f'{name}.py').write_text('raise ModuleNotFoundError("hidden")')
    files = sorted((chain_work / 'convert/images').rglob('*.jpg'))[:6]
    code = ('import json, sys; sys.path.insert(0, sys.argv[1]); from example import Model; '
            'model = Model(sys.argv[1]); print(json.dumps([[dict(box=one["box"], score=one["score"], '
            'scores=one["scores"].tolist()) for one in model.predict(path)] for path in sys.argv[2:]]))')
    done = subprocess.run([sys.executable, '-c', code, str(out), *map(str, files)], capture_output=True, text=True,
                          cwd=tmp_path, env=dict(PYTHONPATH=str(tmp_path), PATH=''))
    assert done.returncode == 0, done.stderr
    loaded = Chain(chain, conf=0.)
    for path, said in zip(files, json.loads(done.stdout)):
        wanted = loaded([images.read(path)])[0]
        assert len(said) == len(wanted)
        for one, animal in zip(said, wanted):
            assert one['score'] == pytest.approx(animal.found.score, abs=2e-3)
            assert boxes.iou([one['box']], [animal.found.xyxy])[0, 0] >= 0.97
            assert np.abs(np.array(one['scores']) - animal.scores).max() < 0.02
