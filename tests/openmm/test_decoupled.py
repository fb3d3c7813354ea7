"""Heads on frozen features, and what reads out a pretraining: against scikit-learn and by hand."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipelines.openmm.classify import decoupled, simclr
from pipelines.openmm.classify.decoupled import Features
from pipelines.openmm.compat import scope

scope.enter('mmpretrain')


@pytest.fixture
def data() -> tuple[Features, Features]:
    """Three classes of 40, 8 and 2 training images; val has 10 of each."""
    drawn = np.random.default_rng(0)

    def split(counts) -> Features:
        labels = np.repeat(np.arange(3), counts)
        vectors = drawn.normal(size=(len(labels), 6)) + 1.5 * np.eye(6)[labels]
        return Features(torch.tensor(vectors, dtype=torch.float32), torch.tensor(labels))

    return split([40, 8, 2]), split([10, 10, 10])


@torch.no_grad()
def test_tau_is_chosen_on_val_and_0_leaves_the_logits_as_they_are(data):
    train, val = data
    start = dict(checkpoint='', prefix='head.fc')
    torch.manual_seed(0)
    heads = [decoupled.TauNormalisedHead(3, 6, start=start, taus=taus) for taus in ((0.,), (1.,), decoupled.TAUS)]
    weight, bias = torch.diag(torch.tensor([4., 1., .25]))[:, [0, 1, 2, 0, 1, 2]] * .5, torch.tensor([1., 0., -1.])
    for head in heads:
        head.fc.weight.copy_(weight)
        head.fc.bias.copy_(bias)
        head.fit(train, val)
    untouched, one, chosen = heads
    logits = functional.linear(val.vectors, weight, bias)
    torch.testing.assert_close(untouched((val.vectors,)), logits, rtol=0, atol=0)
    norms = one.fc.weight.norm(dim=1)
    torch.testing.assert_close(norms, norms.mean().expand(3))
    reached = [decoupled.balanced_accuracy(logits * (weight.norm(dim=1).mean() / weight.norm(dim=1)) ** tau, val.labels)
               for tau in decoupled.TAUS]
    assert float(chosen.tau) == pytest.approx(decoupled.TAUS[int(np.argmax(reached))]) and float(chosen.tau) > 0
    assert decoupled.balanced_accuracy(chosen((val.vectors,)), val.labels) == max(reached) > reached[0]


@torch.no_grad()
def test_the_machine_is_scikit_learns_own(data):
    from sklearn.svm import LinearSVC
    train, val = data
    head = decoupled.SVMHead(3, 6)
    chosen = head.fit(train, val)['cost']
    unit = [functional.normalize(part.vectors).double().numpy() for part in (train, val)]
    reached = {}
    for cost in decoupled.COSTS:
        machine = LinearSVC(C=cost, class_weight='balanced', random_state=0, max_iter=10_000)
        machine.fit(unit[0], train.labels.numpy())
        predicted = machine.predict(unit[1])
        reached[cost] = np.mean([(predicted[val.labels == label] == label).mean() for label in range(3)])
        if cost == chosen:
            assert head((val.vectors,)).argmax(dim=1).numpy().tolist() == predicted.tolist()
    assert reached[chosen] == pytest.approx(max(reached.values()))


@torch.no_grad()
def test_two_classes_and_a_class_without_images(data):
    train, val = data
    two = Features(train.vectors[:48], train.labels[:48])
    head = decoupled.SVMHead(3, 6, costs=(1.,))
    head.fit(two, val)
    scores = head((val.vectors,))
    assert scores.argmax(dim=1).max() == 1 and scores[:10].argmax(dim=1).float().mean() < .5


def test_factors_of_logits_are_all_that_lws_trains(data):
    head = decoupled.ScaledHead(3, 6, start=dict(checkpoint='', prefix=''))
    vectors = data[0].vectors
    assert head((vectors,)).equal(head.fc(vectors))
    with torch.no_grad():
        head.scale.copy_(torch.tensor([1., 2., 3.]))
    torch.testing.assert_close(head((vectors,)), head.fc(vectors) * torch.tensor([1., 2., 3.]))


@torch.no_grad()
def test_neighbours_vote_by_how_near_they_are(data):
    from sklearn.neighbors import KNeighborsClassifier
    train, val = data
    head = decoupled.NearestNeighboursHead(3, k=7, temperature=1e6)  # each vote alike
    head.fit(train, val)
    unit = [functional.normalize(part.vectors).numpy() for part in (train, val)]
    expected = KNeighborsClassifier(7, metric='cosine').fit(unit[0], train.labels).predict_proba(unit[1])
    np.testing.assert_allclose(head((val.vectors,)).softmax(dim=1).numpy(), expected, atol=1e-4)
    other = decoupled.NearestNeighboursHead(3, k=7, temperature=1e6)
    other.load_state_dict(head.state_dict())
    assert other((val.vectors,)).equal(head((val.vectors,)))


def test_a_head_starts_from_another_ones_layer(tmp_path):
    from pipelines.core.errors import InputError
    layer = dict(weight=torch.randn(3, 6), bias=torch.randn(3))
    torch.save({f'head.fc.{name}': tensor for name, tensor in layer.items()}, tmp_path / 'model.pth')
    start = dict(checkpoint=str(tmp_path / 'model.pth'), prefix='head.fc')
    head = decoupled.ScaledHead(3, 6, start=start)
    head.init_weights()
    assert head.fc.weight.equal(layer['weight']) and head.fc.bias.equal(layer['bias'])
    with pytest.raises(InputError, match=r"expected a linear layer of .*\(3, 7\)"):
        decoupled.ScaledHead(3, 7, start=start).init_weights()


class _Dataset:
    metainfo = dict(classes=['a', 'b', 'c'])

    def __len__(self) -> int:
        return 30

    def get_data_info(self, index: int) -> dict:
        return dict(gt_label=index % 3)


def test_few_labels_are_the_seeds_own_and_the_same_in_every_epoch():
    drawn = {}
    for seed in (0, 1):
        sampler = simclr.FewLabelsSampler(_Dataset(), per_class=4, seed=seed)
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            drawn[seed, epoch] = list(sampler)
        assert len(sampler) == 12 and np.bincount([index % 3 for index in drawn[seed, 0]]).tolist() == [4, 4, 4]
        assert set(drawn[seed, 0]) == set(drawn[seed, 1]) == set(sampler.kept) and drawn[seed, 0] != drawn[seed, 1]
    assert set(drawn[0, 0]) != set(drawn[1, 0])


def test_the_contrastive_loss_is_that_of_the_paper():
    """NT-Xent (Chen et al. 2020, equation 1), and its gradient."""
    from mmengine.registry import MODELS
    from torch import nn
    model = MODELS.build(dict(
        type='SimCLR', backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),
        neck=dict(type='NonLinearNeck', in_channels=8, hid_channels=8, out_channels=4, norm_cfg=dict(type='BN')),
        head=dict(type='ContrastiveHead', loss=dict(type='CrossEntropyLoss'), temperature=.1)))
    del model.neck
    model.backbone, model.neck = nn.Identity(), lambda vectors: (vectors.flatten(1),)
    torch.manual_seed(0)
    views = torch.randn(2, 5, 4, 1, 1, dtype=torch.float64, requires_grad=True)
    given = model.loss([views[0], views[1]], [])['loss']
    unit = functional.normalize(views.flatten(2).transpose(0, 1).flatten(0, 1), dim=1)  # the two views side by side
    alike = (unit @ unit.T / .1).masked_fill(torch.eye(10, dtype=torch.bool), float('-inf'))
    partner = torch.arange(10) ^ 1
    expected = functional.cross_entropy(alike, partner)
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-6)
    mine, theirs = (torch.autograd.grad(loss, views, retain_graph=True)[0] for loss in (given, expected))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)
