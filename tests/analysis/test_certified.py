"""Certified radii and bounds of the slope, where the answer is known."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from pipelines.analysis import certified, lipschitz
from pipelines.openmm.attacks import Attack

SIGMA = 0.25


@pytest.fixture(scope='module')
def linear():
    """Two classes by the sign of a linear function: its smoothed answer is its own, and its radius is known."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).requires_grad_(False)
    return net, torch.rand(3, 4, 4)


def test_the_bound_is_that_of_clopper_and_pearson():
    for hits, samples in ((95, 100), (999, 1000), (500, 1000)):
        expected = stats.binomtest(hits, samples, alternative='greater').proportion_ci(1 - 0.001, 'exact').low
        assert certified.lower_bound(hits, samples) == pytest.approx(expected, abs=1e-12)
    assert certified.lower_bound(0, 100) == 0 and certified.radius(50, 100, SIGMA) == 0


@pytest.mark.parametrize(('samples', 'cap'), [(100, 1.50), (1000, 2.46), (10_000, 3.20), (100_000, 3.81)])
def test_the_samples_cap_the_radius(samples, cap):
    assert certified.radius(samples, samples, 1.) == pytest.approx(cap, abs=0.01)


def test_the_radius_is_below_the_distance_to_the_border(linear):
    net, image = linear
    answer, reach = certified.certify(net, image, SIGMA, 2000, 2, seed=0)
    weight, scores = net[1].weight[0] - net[1].weight[1], net(image[None])[0]
    distance = float((scores[0] - scores[1]).abs() / weight.norm())
    assert answer == int(scores.argmax()) and 0.5 * distance < reach < distance
    assert (answer, reach) == certified.certify(net, image, SIGMA, 2000, 2, seed=0)


def test_no_attack_inside_the_radius_changes_the_smoothed_answer(linear):
    net, image = linear
    answer, reach = certified.certify(net, image, SIGMA, 2000, 2, seed=0)
    changed = Attack('pgd', 0.98 * reach, 'l2', steps=20)(net, image[None], torch.tensor([answer]))[0]
    assert 0.9 * reach < float((changed - image).norm()) <= reach
    votes = certified.counts(net, changed, SIGMA, 2000, 2, torch.Generator().manual_seed(1))
    assert int(votes.argmax()) == answer


def test_the_curve_never_rises():
    rng = np.random.default_rng(0)
    seen = [dict(answer=int(rng.integers(2)), label=1, radius=float(max(0, rng.normal(0.2, 0.2)))) for _ in range(50)]
    said = certified.curve(seen, SIGMA, 1000)
    assert said['accuracy'] == sorted(said['accuracy'], reverse=True) and said['accuracy'][0] > 0
    assert said['accuracy'][0] <= 1 - said['abstained'] and said['radii'][4] == SIGMA


def test_both_bounds_of_a_linear_net_are_its_norm():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 5))
    expected = float(torch.linalg.matrix_norm(net[1].weight.detach(), 2))
    image = torch.rand(1, 3, 4, 4)
    assert lipschitz.local_norm(net, image, steps=300) == pytest.approx(expected, abs=1e-5)
    assert lipschitz.upper(net.eval(), image, 1.) == pytest.approx(expected, abs=1e-5)


def test_a_path_around_a_block_and_batch_norm_are_counted():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3)
            self.fc, self.pool = nn.Linear(3, 3, bias=False), nn.AdaptiveAvgPool2d(1)

        def forward(self, x, mode='tensor'):
            x = x + self.norm(self.conv(x))
            return self.fc(self.pool(x).flatten(1))

    net = Residual().eval()
    with torch.no_grad():
        net.conv.weight.copy_(torch.eye(3)[:, :, None, None])
        net.norm.weight.fill_(2 * (1 + net.norm.eps) ** 0.5)
        net.fc.weight.copy_(torch.eye(3))
    image = torch.rand(1, 3, 4, 4)
    assert lipschitz.local_norm(net, image, steps=50) == pytest.approx(3 / 4, abs=1e-5)  # (1 + 2) / sqrt(16)
    assert lipschitz.upper(net, image, 2.) == pytest.approx(2 * 3 / 4, abs=1e-5)
    with pytest.raises(lipschitz.UnboundedError, match='has no bound here|cannot be traced'):
        lipschitz.upper(nn.Sequential(nn.Softmax(dim=1)), image, 1.)


@pytest.mark.mm
@pytest.mark.parametrize('family', ['cnn', 'timm', 'vit'])
def test_the_lower_bound_is_below_the_upper_one(family):
    from pipelines.openmm.attacks import Pixels
    from tests.analysis.networks import logits, network, pixels

    lower = lipschitz.local_norm(logits(family), pixels()[:1])
    if family == 'vit':
        with pytest.raises(lipschitz.UnboundedError, match='traced'):
            lipschitz.upper(network(family), pixels()[:1], 1.)
        return
    inputs = Pixels(network(family)).inputs(pixels()[:1])
    assert 0 < lower <= lipschitz.upper(network(family), inputs, 255 / 60)
