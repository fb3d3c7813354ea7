"""DenseNet with the changes of 003: what each costs, and noise in training alone."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from pipelines.openmm.classify import cost
from pipelines.openmm.compat import scope


@pytest.fixture(scope='module')
def build():
    scope.enter('mmpretrain')
    from mmengine.registry import MODELS

    def build(**changes) -> nn.Module:
        return MODELS.build(dict(type='ImageClassifier', backbone=dict(type='ChangedDenseNet', **changes),
                                 neck=dict(type='GlobalAveragePooling'),
                                 head=dict(type='LinearClsHead', num_classes=2, in_channels=1024))).eval()
    return build


@pytest.mark.parametrize(('changes', 'operations', 'parameters'), [
    ({}, 5.67, 6.95), (dict(factorised=True), 4.22, 5.71)])
def test_factorised_kernels_cost_a_quarter_less(build, changes, operations, parameters):
    """Of an image of 224 px, as counted for the notes of this row; heads apart."""
    with torch.inference_mode():
        found = cost.count(build(**changes), torch.zeros(1, 3, 224, 224))
    assert found['flops'] / 1e9 == pytest.approx(operations, abs=.01)
    assert found['parameters'] / 1e6 == pytest.approx(parameters, abs=.01)


def test_groups_are_of_every_layer(build):
    model = build(groups=4)
    grouped = [module for module in model.modules() if isinstance(module, nn.Conv2d) and module.groups == 4]
    assert len(grouped) == 58 and {module.kernel_size for module in grouped} == {(3, 3)}
    assert {tuple(module.weight.shape) for module in grouped} == {(32, 32, 3, 3)}


@torch.no_grad()
def test_noise_is_in_training_alone_after_the_first_six_convolutions(build):
    model = build(noise=.005)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    images = torch.rand(4, 3, 64, 64)
    assert model(images).equal(model(images))
    model.train()
    for number, convolution in enumerate(convolutions[:8]):
        given = torch.rand(8, convolution.in_channels, 32, 32)
        change = convolution(given) - nn.functional.conv2d(given, convolution.weight, None, convolution.stride,
                                                           convolution.padding)
        assert change.std() == pytest.approx(.005 if number < 6 else 0, rel=.02, abs=1e-6)
        assert abs(float(change.mean())) < 1e-4
