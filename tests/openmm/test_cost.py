"""What a network costs: operations by hand, and by the numbers that papers print."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.core import json_files
from pipelines.openmm.classify import cost
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import network

CONFIGS = Path(__file__).resolve().parents[2] / 'mm_configs/classify'


def test_products_of_attention_count():
    """A ViT of one layer: patches, qkv, scores and their sum, projection, two layers of the feed-forward, the head."""
    cfg = mm.load(CONFIGS / 'vit-base-p16.py', data_root=Path('x'), num_classes=5, options=[
        'model.backbone.init_cfg=None', 'model.backbone.img_size=32'])
    cfg.model.backbone.arch = dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=16)
    cfg.model.head.in_channels = 8
    cfg.speed.dtype = 'float32'
    model = network.build(cfg).eval()
    with torch.inference_mode():
        found = cost.count(model, torch.zeros(2, 3, 32, 32))
    tokens, width = 4 + 1, 8
    products = 4 * 3 * 16 * 16 * width + tokens * (4 * width * width + 2 * width * 16) + 2 * tokens * tokens * width \
        + width * 5
    assert found['flops'] == 2 * 2 * products  # two images
    assert found['parameters'] == sum(one.numel() for one in model.parameters())


def test_a_training_is_measured_once(tmp_path, monkeypatch):
    cfg = mm.load(CONFIGS / 'resnet18_64px.py', data_root=tmp_path, num_classes=3)
    measured = []
    monkeypatch.setattr(cost, 'measure', lambda cfg, weights: measured.append(weights) or dict(parameters=7))
    for content in 'first', 'first', 'second':
        json_files.write(tmp_path / 'manifest.json', dict(inputs=[], outputs=[
            dict(path='model.pth', sha256=content, count=1)]))
        assert cost.of(tmp_path, lambda: cfg) == dict(parameters=7, model=content)
    assert measured == [tmp_path / 'model.pth'] * 2
    assert json_files.read(tmp_path / 'logs/cost.json')['model'] == 'second'


@pytest.mark.mm
def test_numbers_are_those_of_the_papers():
    """Parameters and multiply-adds as the papers print them: ViT-B/16 86 M and 17.6 G, ResNet-50 25.6 M and 4.1 G."""
    for leaf, parameters, products in (('vit-base-p16', 86.6, 17.6), ('resnet50_224px', 25.6, 4.1)):
        cfg = mm.load(CONFIGS / f'{leaf}.py', data_root=Path('x'), num_classes=1000,
                      options=['model.backbone.init_cfg=None', 'speed.dtype=float32'])
        with torch.inference_mode():
            found = cost.count(network.build(cfg).eval(), torch.zeros(1, 3, 224, 224))
        assert found['parameters'] / 1e6 == pytest.approx(parameters, abs=.05)
        assert found['flops'] / 2e9 == pytest.approx(products, abs=.05)
