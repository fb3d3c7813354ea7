"""What the configs ask for by name fits the networks they build: tensors, normalisation, settings of the generator."""
from __future__ import annotations

import functools
import importlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import config_files
from pipelines.openmm.synth import gan_transfer
from pipelines.openmm.weights import fit as weight_fit
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights.table import TABLE

CONFIGS = Path(__file__).resolve().parents[2] / 'mm_configs'


_OWN_STATE = weights.state  # which the test below replaces


def leaves() -> dict[str, Path]:
    """By the names it asks for, one leaf."""
    found = {}
    for path in sorted(CONFIGS.glob('[!_]*/*.py')):
        if (names := weights.named(path)):
            found.setdefault(f'{path.parts[-2]}: {", ".join(names)}', path)
    return found


def source(name: str) -> nn.Module:
    """The model that the file of a row is the state dict of."""
    import timm
    import torchvision
    row = TABLE[name]
    if row.conversion == 'biggan_deep':
        import pytorch_pretrained_biggan.convert_tf_to_pytorch as package
        return package.BigGAN(getattr(package, name.replace('biggan_deep_', 'BigGAN')))
    if row.conversion == 'faster_rcnn':
        return torchvision.models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    if row.conversion == 'timm_backbone':
        return timm.create_model(name.removesuffix('_in1k'), pretrained=False)
    if row.file.endswith('.safetensors'):
        return timm.create_model(row.file.removesuffix('.safetensors'), pretrained=False)
    return getattr(torchvision.models, row.file.rpartition('-')[0].removesuffix('_lukemelas'))(weights=None)


@functools.lru_cache
def state(name: str) -> dict[str, Tensor]:
    if name == 'mobilenet_v2_imagenet1k':  # what it holds is what this one becomes
        name = 'mobilenet_v2_torchvision'
    if TABLE[name].package:
        return _OWN_STATE(name)
    with torch.device('cpu' if name.startswith('biggan') else 'meta'):  # spectral norm computes as it is built
        content = source(name).state_dict()
    if not TABLE[name].conversion:
        return content
    return importlib.import_module(f'pipelines.openmm.weights.conversions.{TABLE[name].conversion}').convert(content)


@pytest.mark.mm
@pytest.mark.parametrize('path', [pytest.param(path, id=names) for names, path in leaves().items()])
def test_what_a_config_asks_for_fits(biggan_package, monkeypatch, path):
    from mmengine.registry import MODELS
    monkeypatch.setattr(weights, 'state', state)
    cfg = mm.load(path, data_root=Path('x'), num_classes=7)
    assert config_files.title(path)
    if path.parts[-2] == 'synth':
        generator = MODELS.build({**cfg.model.generator, 'num_classes': 7, 'init_type': 'N02'})
        gan_transfer.check_settings(generator)
        given = gan_transfer.for_classes(state(cfg.load_from.removeprefix(weights.SCHEME)),
                                         [dict(supercategory='bird')] * 7)
        assert weight_fit.misfits(generator.state_dict(), given) == ([], [])
        return
    model = MODELS.build(cfg.model)
    weight_fit.check_fit(model)
    asked = {start['checkpoint'] for _, _, start in weight_fit._started(model)} | {cfg.get('load_from')} - {None}
    assert asked
    if cfg.get('load_from'):
        name = cfg.load_from.removeprefix(weights.SCHEME)
        missing, anew = weight_fit.misfits(model.state_dict(), state(name))
        assert missing == [] and all('.fc_' in tensor for tensor in anew)
        weight_fit.check_normalisation(model, cfg.load_from)
