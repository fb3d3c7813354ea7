"""Attacks in a cascade, their order, early exit, AutoAttack with few classes, and the signs of masking."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from pipelines.analysis import attacked, card
from pipelines.openmm.attacks import Attack

CLASSES = 6


@pytest.fixture(scope='module')
def model():
    """A small net, trained for a moment on pictures of one of six colours, with 24 of these."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                        nn.Linear(32, CLASSES))
    labels = torch.arange(96) % CLASSES
    colours = torch.rand(CLASSES, 3, 1, 1)
    images = (0.5 + 0.35 * (colours[labels] - 0.5) + 0.1 * torch.randn(96, 3, 16, 16)).clamp(0, 1)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(250):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    return net.eval().requires_grad_(False), images[:24], labels[:24]


def accuracy(answers, labels):
    return float((answers == labels).float().mean())


def test_every_attack_is_at_least_as_strong_as_those_before_it(model):
    net, images, labels = model
    eps = 6 / 255
    clean = accuracy(net(images).argmax(dim=1), labels)
    plan = attacked.Plan(queries=50)
    names = [('FGSM', Attack('fgsm', eps)), ('PGD-10', Attack('pgd', eps, steps=10)),
             ('PGD-40', Attack('pgd', eps, steps=40, start='uniform', restarts=2)), ('AA', attacked.auto(plan, eps))]
    found = [accuracy(answers, labels) for answers in attacked.broken(net, images, labels, names).values()]
    alone = [accuracy(attacked.broken(net, images, labels, [one])[one[0]], labels) for one in names]
    assert clean > 0.9 and [clean, *found] == sorted([clean, *found], reverse=True) and 0 < found[-1] < clean
    for attack, other in zip(alone, alone[1:]):  # not by the cascade alone
        assert other <= attack + 1 / 24
    assert accuracy(attacked.broken(net, images, labels, [('far', Attack('pgd', 1., steps=10))])['far'], labels) == 0


def test_broken_images_are_not_attacked_again(model):
    net, images, labels = model
    seen = []

    def wrong(logits, given, targets, generator=None):
        seen.append(len(given))
        return given if len(seen) == 2 else torch.cat([images[(labels != targets[0])][:1], given[1:]])

    wrongly = labels.clone()
    wrongly[0] = (labels[0] + 1) % CLASSES  # one that is wrong without an attack
    assert accuracy(net(images).argmax(dim=1), labels) == 1
    answers = attacked.broken(net, images, wrongly, [('first', wrong), ('second', wrong)])
    assert seen == [23, 22]
    assert accuracy(answers['first'], wrongly) == accuracy(
        answers['second'], wrongly) == pytest.approx(22 / 24)


def test_the_first_wrong_answer_is_kept(model):
    """A stronger attack's macro F1 counts what the weaker ones' images were taken for."""
    net, images, labels = model
    found = attacked.broken(net, images, labels, [('a', Attack('fgsm', 20 / 255)), ('b', Attack('pgd', 20 / 255))])
    gone = found['a'] != labels
    assert gone.any() and torch.equal(found['a'][gone], found['b'][gone])


@pytest.mark.parametrize('classes', [2, 3, 6])
def test_autoattack_runs_with_few_classes(classes):
    """The standard version takes nine targets, and its targeted loss four classes."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(12, classes)).requires_grad_(False)
    images = torch.rand(4, 3, 8, 8)
    labels = net(images).argmax(dim=1)
    plan = attacked.Plan('standard')
    attack = attacked.auto(plan, 0.5)
    answers = attacked.broken(net, images, labels, [('AA', attack)])['AA']
    assert accuracy(answers, labels) < 1


def test_the_card_says_what_of_autoattack_was_run():
    assert '500 queries' in attacked.Plan().words(6)
    assert 'with 5 target classes' in attacked.Plan('standard').words(6)
    assert 'without targeted APGD' in attacked.Plan('standard').words(3)


def test_saturated_gradients_are_seen(model):
    net, images, labels = model
    honest = card.signs(attacked.signs(net, images, labels), [])
    masked = card.signs(attacked.signs(lambda x: net(x) * 1e4, images, labels), [])
    assert honest['zero'] == 0 and honest['warnings'] == [] and honest['far'] == 1
    assert masked['zero'] > 0.5 and any('gradient is zero' in text for text in masked['warnings'])


def test_a_last_attack_that_takes_much_is_said():
    steps = [dict(attack=name, accuracy=dict(value=value)) for name, value in (('PGD-40', 0.5), ('APGD + Square', 0.3))]
    row = dict(right=True, zero=False, fgsm=True, pgd=True, far=True, noise=False)
    said = card.signs([row], [dict(norm='linf', attacks=steps)])
    assert said['last'] == pytest.approx(0.2) and 'takes 20% of the images' in said['warnings'][0]
