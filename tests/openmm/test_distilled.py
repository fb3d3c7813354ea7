"""Distillation: the loss, the teacher, and the student that needs none."""
from __future__ import annotations

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper

from pipelines.core.errors import InputError
from tests.openmm import small


@pytest.fixture
def teacher(tmp_path):
    """A trained row's folder: its model.pth."""
    network = small.network(seed=7)
    torch.save(dict(state_dict=network.state_dict()), tmp_path / 'model.pth')
    (tmp_path / 'config.py').write_text(f'default_scope = "mmpretrain"\nmodel = {small.config()}\n')
    return tmp_path / 'model.pth'


def trained(network: torch.nn.Module, steps: int = 2) -> dict[str, torch.Tensor]:
    inputs, samples = small.batch()
    wrapper = OptimWrapper(torch.optim.SGD(network.parameters(), lr=0.1))
    network.train()
    for _ in range(steps):
        losses, _ = network.parse_losses(network(inputs, samples, mode='loss'))
        wrapper.update_params(losses)
    return network.state_dict()


def test_with_alpha_0_a_training_is_the_plain_one_bit_by_bit(teacher):
    plain = trained(small.network())
    student = trained(small.network('DistilledClassifier', teacher=str(teacher), alpha=0.))
    assert plain.keys() == student.keys() and all(plain[name].equal(student[name]) for name in plain)


@pytest.mark.parametrize(('alpha', 'temperature'), [(0.9, 4.), (1., 20.), (0.3, 1.)])
def test_the_loss_is_hintons(teacher, alpha, temperature):
    """Against sums written out in float64: CE, and T^2 times the KL divergence, which is a mean over images."""
    from pipelines.openmm.classify.distilled import distillation
    inputs, samples = small.batch()
    student = small.network('DistilledClassifier', teacher=str(teacher), alpha=alpha, temperature=temperature)
    found = student(inputs, samples, mode='loss')
    student.eval()
    scores, taught = torch.randn(2, 6, small.CLASSES, generator=torch.Generator().manual_seed(0)) * 5
    p, q = ((values.double() / temperature).softmax(1) for values in (taught, scores))
    reference = temperature ** 2 * (p * (p.log() - q.log())).sum() / 6
    assert distillation(scores, taught, temperature).item() == pytest.approx(reference.item(), abs=1e-6, rel=1e-7)
    logits = small.network(seed=0)
    logits.train()
    own = logits(inputs, mode='tensor')
    labels = torch.cat([sample.gt_label for sample in samples])
    assert found['loss'].item() == pytest.approx(
        (1 - alpha) * torch.nn.functional.cross_entropy(own, labels).item(), abs=1e-6)
    assert found['loss_distill'].item() == pytest.approx(
        alpha * distillation(own, student.teach(inputs), temperature).item(), abs=1e-6)


def test_the_teacher_stays_as_it_is_and_is_no_part_of_the_student(teacher):
    student = small.network('DistilledClassifier', teacher=str(teacher))
    (inside,) = student._teacher
    before = copy.deepcopy(inside.state_dict())
    state = trained(student, 3)
    assert all(value.equal(inside.state_dict()[name]) for name, value in before.items())
    assert not inside.training and not any(value.requires_grad for value in inside.parameters())
    assert state.keys() == small.network().state_dict().keys()
    used = small.network('DistilledClassifier', teacher='model://resnet18_64px')
    used.load_state_dict(state)
    used.eval(), student.eval()
    inputs, samples = small.batch()
    assert used(inputs).equal(student(inputs))  # T is of the training alone
    with pytest.raises(InputError, match='expected the trained network of a row, found none'):
        used(inputs, samples, mode='loss')


def test_the_teacher_sees_images_as_it_was_trained_with(teacher):
    """A teacher with other normalisation and colours gets the same pixels."""
    from pipelines.openmm.classify.distilled import renormalised
    ours = small.network().data_preprocessor
    theirs = small.network().data_preprocessor
    pixels = [torch.randint(0, 256, (3, 8, 8), generator=torch.Generator().manual_seed(0))]
    theirs.mean, theirs.std = torch.tensor([10., 20., 30.]).view(3, 1, 1), torch.full((3, 1, 1), 7.)
    theirs.to_rgb = False
    ours_inputs, theirs_inputs = (part({'inputs': list(pixels)})['inputs'] for part in (ours, theirs))
    assert renormalised(ours_inputs, ours, theirs) == pytest.approx(theirs_inputs, abs=1e-4)
    assert renormalised(ours_inputs, ours, ours) is ours_inputs


def test_a_tempered_loss_divides_the_logits():
    small.network()
    from pipelines.openmm.classify.distilled import TemperedCrossEntropyLoss
    scores, labels = torch.tensor([[40., 0., -20.]]), torch.tensor([1])
    assert TemperedCrossEntropyLoss(temperature=20.)(scores, labels).item() == pytest.approx(
        torch.nn.functional.cross_entropy(scores / 20, labels).item(), abs=1e-6)
    with pytest.raises(InputError, match='0 <= alpha <= 1'):
        small.network('DistilledClassifier', teacher='model://a', alpha=1.5)
