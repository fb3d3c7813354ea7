"""Suspect labels, confused pairs and folds, on features that are drawn."""
from __future__ import annotations

import numpy as np
import pytest

from pipelines.core import folds, suspects
from pipelines.core.errors import InputError


@pytest.fixture(scope='module')
def trial():
    """120 images of 4 classes with drawn features, of which 12 have another label; scores of the folds that did not see
    them, by the nearest class mean: labels, true ones, scores, features."""
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(4), 30)
    features = rng.normal(size=(120, 8)) + 2.6 * np.eye(8)[true]
    labels = true.copy()
    flipped = rng.choice(120, 12, replace=False)
    labels[flipped] = (labels[flipped] + rng.integers(1, 4, 12)) % 4
    scores = np.zeros((120, 4))
    for places in folds.plan(labels, np.arange(120), 5, val_share=0.1, seed=0, classes='abcd'):
        seen, held = places != folds.HELD_OUT, places == folds.HELD_OUT
        means = np.array([features[seen & (labels == label)].mean(axis=0) for label in range(4)])
        logits = -((features[held, None] - means) ** 2).sum(axis=2)
        scores[held] = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, true, scores / scores.sum(axis=1, keepdims=True), features


def test_most_flipped_labels_are_among_the_most_suspect(trial):
    labels, true, scores, _ = trial
    judged = suspects.judge(labels, scores)
    wrong = labels != true
    first = judged.suspects()[:24]
    assert wrong[first].sum() >= 10 and wrong.sum() == 12  # by chance 2.4
    assert (judged.suggested[wrong] == true[wrong]).sum() >= 9
    assert judged.flagged[wrong].mean() > 0.7 > 0.2 > judged.flagged[~wrong].mean()
    assert not judged.flagged[judged.hardest()].any() and (np.diff(judged.entropy[judged.hardest()]) <= 0).all()


def test_suspicion_of_scores_known_by_hand():
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.05, 0.9, 0.05]])
    judged = suspects.judge(np.array([0, 1, 2, 0]), scores)
    assert judged.suspicion == pytest.approx([-0.5, -0.3, -0.4, 0.85])
    assert judged.suggested.tolist() == [1, 2, 0, 1] and judged.suspects()[0] == 3
    # the mean self-confidence is 0.375, 0.6, 0.6: the last image alone reaches that of another class
    assert judged.flagged.tolist() == [False, False, False, True]
    assert suspects.entropy(np.array([[0.5, 0.5], [1, 0]])) == pytest.approx([1, 0])


def test_pairs_count_both_ways():
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([1, 1, 0, 0, 1, 2])
    (pair,) = suspects.pairs(labels, np.eye(3)[predicted])
    assert pair == suspects.Pair(0, 1, 2, 1, pytest.approx(3 / 5))


def test_the_nearest_image_of_a_class():
    others = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    features = np.array([[1, 0], [0, 1]], np.float32)
    found = suspects.nearest(features, others, np.array([0, 1, 1]), np.array([1, 1]))
    assert found.tolist() == [2, 1]
    assert suspects.nearest(features, others, np.array([0, 0, 0]), np.array([1, 0])).tolist() == [-1, 1]


def test_every_image_is_held_out_once_and_groups_stay_together():
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(3), 20))
    groups = np.arange(60)
    groups[[5, 17, 40]] = 5
    plan = folds.plan(labels, groups, 4, val_share=0.1, seed=3, classes='abc')
    assert ((plan == folds.HELD_OUT).sum(axis=0) == 1).all()
    assert all(len(set(fold[[5, 17, 40]])) == 1 for fold in plan)
    for fold in plan:
        assert 12 <= (fold == folds.HELD_OUT).sum() <= 18 and 3 <= (fold == folds.VAL).sum() <= 8
        assert np.bincount(labels[fold == folds.HELD_OUT]).min() >= 3
    again = folds.plan(labels, groups, 4, val_share=0.1, seed=3, classes='abc')
    assert (plan == again).all() and (plan != folds.plan(labels, groups, 4, val_share=0.1, seed=4, classes='abc')).any()


def test_a_class_that_a_fold_would_not_train_on_is_named():
    labels = np.array([0] * 12 + [1, 1])
    groups = np.array([*range(12), 12, 12])
    with pytest.raises(InputError, match=r'none of rare in fold \d of 3 \(2 images, in groups that look the same\)'):
        folds.plan(labels, groups, 3, val_share=0.1, seed=0, classes=['common', 'rare'])
