"""Attacks: their closed forms, what they promise, torchattacks' own results; and adversarial training."""
from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from pipelines.core.errors import InputError
from pipelines.openmm import attacks
from pipelines.openmm.attacks import Attack
from pipelines.openmm.engine import config as mm
from pipelines.openmm.engine import network

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def linear():
    """Logits of a linear map of 3 x 4 x 4 pixels to 2 classes, four images and their labels."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), torch.rand(4, 3, 4, 4), torch.tensor([0, 1, 1, 0])


@pytest.mark.parametrize('attack', [Attack('fgsm', .01), Attack('pgd', .01, steps=5),
                                    Attack('pgd', .01, steps=20, start='uniform', restarts=2)])
def test_under_linf_a_linear_network_is_attacked_best_by_the_sign_of_its_weights(linear, attack):
    model, images, labels = linear
    images = images * .9 + .05  # no clipping
    weight = model[1].weight[1 - labels] - model[1].weight[labels]
    expected = images + .01 * weight.sign().view_as(images)
    torch.testing.assert_close(attack(model, images, labels), expected, rtol=0, atol=1e-6)


def test_under_l2_a_linear_network_is_attacked_best_along_its_weights(linear):
    model, images, labels = linear
    images = images * .5 + .25
    weight = model[1].weight[1 - labels] - model[1].weight[labels]
    expected = images + (.1 * functional.normalize(weight)).view_as(images)
    found = Attack('pgd', .1, 'l2', steps=5)(model, images, labels)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize('norm', ['linf', 'l2'])
def test_attacked_images_stay_in_the_ball_and_in_0_to_1(linear, norm):
    model, images, labels = linear
    images = images.round()  # black and white: every step would leave [0, 1]
    found = Attack('pgd', .3, norm, steps=3, step=1., start='uniform')(model, images, labels)
    change = (found - images).flatten(1)
    length = change.abs().amax(dim=1) if norm == 'linf' else change.norm(dim=1)
    assert 0 <= found.min() and found.max() <= 1
    assert (length <= .3 + 1e-6).all() and (length > .1).all()
    assert not found.requires_grad


def test_the_least_of_restarts_is_not_kept(linear):
    model, images, labels = linear
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 64), nn.Tanh(), nn.Linear(64, 2))
    losses = {}
    for restarts in (1, 8):
        found = Attack('pgd', .05, steps=1, step=1e-9, start='uniform', restarts=restarts)(
            net, images, labels, torch.Generator().manual_seed(0))
        losses[restarts] = functional.cross_entropy(net(found), labels, reduction='none')
    assert (losses[8] >= losses[1]).all() and (losses[8] > losses[1]).any()


@pytest.mark.parametrize(('values', 'words'), [
    (dict(kind='cw'), 'attack, kind: expected fgsm or pgd'), (dict(norm='l1'), 'attack, norm: expected linf or l2'),
    (dict(eps=8), 'attack, eps: expected at least 0, as 8/255'), (dict(steps=0), 'attack, steps: expected at least 1'),
    (dict(step=0.), 'attack, step: expected more than 0'),
    (dict(restarts=2), 'attack, restarts: expected 1 from start')])
def test_values_that_make_no_attack_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        Attack(**values)


# --- adversarial training ---

def classifier(**attack):
    cfg = mm.load(ROOT / 'mm_configs/classify/resnet18_64px.py', data_root=Path('x'), num_classes=3)
    if attack:
        cfg.model.update(type='AdversarialClassifier', attack=attack)
    torch.manual_seed(0)
    return network.build(cfg).train()


def batch(count: int = 4):
    from mmpretrain.structures import DataSample
    drawn = torch.Generator().manual_seed(1)
    return dict(inputs=[torch.randint(0, 256, (3, 64, 64), generator=drawn, dtype=torch.uint8) for _ in range(count)],
                data_samples=[DataSample().set_gt_label(index % 3) for index in range(count)])


def step(model) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of one training step, and gradients and buffers after it."""
    torch.manual_seed(5)
    data = model.data_preprocessor(batch(), True)
    loss = model(**data, mode='loss')['loss']
    loss.backward()
    return loss.detach(), {**{name: value.grad for name, value in model.named_parameters()},
                           **dict(model.named_buffers()), 'random': torch.rand(1)}


def test_no_share_attacked_is_plain_training_bit_for_bit():
    loss, after = step(classifier())
    other, others = step(classifier(kind='pgd', p=0.))
    assert loss.equal(other) and after.keys() == others.keys()
    assert all(value.equal(others[name]) for name, value in after.items())


@pytest.mark.parametrize('p', [.5, 1.])
def test_training_attacks_its_share_of_the_images_and_no_more(p):
    model = classifier(kind='fgsm', p=p)
    data = model.data_preprocessor(batch(64), True)
    targets = torch.cat([sample.gt_label for sample in data['data_samples']])
    torch.manual_seed(0)
    before = {name: value.clone() for name, value in model.named_buffers()}
    found = model._attacked(data['inputs'], targets)
    change = (found - data['inputs']).abs().flatten(1).amax(dim=1) * 64 / 255  # the recipe's std: 64 grey levels
    attacked = change > 1e-3
    assert attacked.float().mean() == pytest.approx(p, abs=.2 * (p < 1))
    torch.testing.assert_close(change[attacked], torch.full_like(change[attacked], 8 / 255), rtol=1e-4, atol=0)
    assert not change[~attacked].any()
    assert all(value.equal(before[name]) for name, value in model.named_buffers())  # batch norm's among them
    assert all(module.training for module in model.modules()) and model.head.fc.weight.grad is None


def test_an_attack_raises_the_loss_that_training_sees():
    plain, attacked = (classifier(**attack).eval() for attack in ({}, dict(kind='pgd')))
    losses = [float(model(**model.data_preprocessor(batch(), True), mode='loss')['loss'])
              for model in (plain, attacked)]
    assert losses[1] > losses[0] + .01


def test_val_is_judged_by_images_as_they_are_and_attacked():
    from mmengine.evaluator import Evaluator

    model = classifier(kind='fgsm').eval()
    evaluator = Evaluator([dict(type='mmpretrain.Accuracy'), dict(type='mmpretrain.AttackedAccuracy')])
    state = torch.get_rng_state()
    with torch.no_grad():
        samples = model.val_step(batch(6))
        plain = model.test_step(batch(6))
    assert torch.get_rng_state().equal(state)
    assert all(one.pred_score.equal(other.pred_score) for one, other in zip(samples, plain))
    evaluator.process(samples, batch(6))
    found = evaluator.evaluate(6)
    expected = [bool(sample.attacked_label == sample.gt_label) for sample in samples]
    assert found['attacked/top1'] == pytest.approx(100 * sum(expected) / 6)
    assert found['attacked/top1'] <= found['accuracy/top1']
    assert 'attacked_label' not in plain[0]


def test_mixed_images_are_attacked_away_from_their_shares():
    model = classifier(kind='fgsm')
    data = model.data_preprocessor(batch(2), True)
    for sample, share in zip(data['data_samples'], torch.tensor([[.7, .3, 0], [0, .5, .5]])):
        sample.set_gt_score(share)
    from pipelines.openmm.classify import adversarial
    targets = adversarial._targets(data['data_samples'])
    assert targets.shape == (2, 3)
    pixels = attacks.Pixels(model.eval())
    images = pixels.of(data['inputs'])
    before, after = (functional.cross_entropy(pixels.logits(one), targets) for one in (
        images, Attack('fgsm', 1 / 255)(pixels.logits, images, targets)))
    assert after > before and math.isfinite(after)


def test_pixels_are_the_networks_inputs_before_normalisation():
    model = classifier()
    data = model.data_preprocessor(batch(), False)
    pixels = attacks.Pixels(model.eval())
    expected = torch.stack(batch()['inputs']).flip(1) / 255  # RGB
    torch.testing.assert_close(pixels.of(data['inputs']), expected)
    torch.testing.assert_close(pixels.logits(expected), model(data['inputs'], mode='tensor'), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(('attack', 'name', 'more'), [
    (Attack('fgsm', 2 / 255), 'FGSM', {}), (Attack('pgd', 4 / 255, steps=7, step=1 / 255), 'PGD', dict(
        random_start=False)), (Attack('pgd', 4 / 255, steps=7, step=1 / 255, start='uniform'), 'PGD', {}),
    (Attack('pgd', .5, 'l2', steps=7, step=.1), 'PGDL2', dict(random_start=False))])
def test_attacked_images_are_those_of_torchattacks(attack, name, more):
    import torchattacks

    class Whole(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network, self.forward = network, attacks.Pixels(network).logits

    images, labels = torch.stack(batch()['inputs']) / 255, torch.tensor([0, 1, 2, 0])
    whole = Whole(classifier().eval()).eval().to(memory_format=torch.contiguous_format)  # theirs views gradients
    steps = {} if name == 'FGSM' else dict(steps=attack.steps, alpha=attack.step)
    torch.manual_seed(3)
    expected = getattr(torchattacks, name)(whole, eps=attack.eps, **steps, **more)(images, labels)
    torch.manual_seed(3)
    found = attack(whole, images, labels)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert (found - images).abs().max() > 1e-3
