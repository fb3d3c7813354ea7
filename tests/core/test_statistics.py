from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import f1_score, top_k_accuracy_score

from pipelines.core import statistics


def softmax_of(predictions, classes: int, peak: float = 0.9) -> np.ndarray:
    """(S, N) class indices -> (S, N, C) scores that are highest there."""
    rest = (1 - peak) / (classes - 1)
    return np.where(np.asarray(predictions)[..., None] == np.arange(classes), peak, rest)


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(5).dirichlet(np.ones(7), size=(3, 60))


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(6).integers(7, size=60)


def test_accuracy_interval_of_one_seed_covers_as_the_binomial_does():
    """90 of 100 right: Wilson's interval is [0.826, 0.945]."""
    correct = np.arange(100)[None] < 90
    wilson = scipy_stats.binomtest(90, 100).proportion_ci(method='wilson')
    assert statistics.accuracy_interval(correct) == pytest.approx(wilson, abs=0.015)


def test_accuracy_interval_averages_seeds_before_resampling():
    """Two seeds that err on different images: each image counts 1/2 or 1, so the spread is smaller than of one seed."""
    first, second = np.arange(100) >= 10, np.arange(100) < 90
    low, high = statistics.accuracy_interval([first, second])
    # 20 images of 100 count 1/2: standard deviation of the mean sqrt(.2 * .8) * .5 / 10 = 0.02
    assert (low, high) == pytest.approx((0.9 - 1.96 * 0.02, 0.9 + 1.96 * 0.02), abs=0.006)
    assert high - low < np.diff(statistics.accuracy_interval(first[None]))[0]


def test_intervals_are_the_same_every_time_and_whatever_the_chunk(monkeypatch):
    correct = np.random.default_rng(0).random((3, 50)) < 0.7
    first = statistics.accuracy_interval(correct)
    assert statistics.accuracy_interval(correct) == first
    monkeypatch.setattr(statistics, '_CELLS', 5000)
    assert statistics.accuracy_interval(correct) == first


@pytest.mark.parametrize('right', [True, False])
def test_interval_without_any_variation_is_the_point(right):
    assert statistics.accuracy_interval(np.full((2, 30), right)) == (float(right), float(right))


def test_interval_of_one_image_is_refused():
    with pytest.raises(ValueError, match='at least 2 images, got 1'):
        statistics.accuracy_interval([[True]])


def test_difference_interval_is_paired():
    """Both err on 40 % of the images, but on the same ones save two: pairing sees only the two."""
    reference = np.arange(100)[None] >= 40
    row = np.arange(100)[None] >= 38
    low, high = statistics.difference_interval(row, reference)
    assert 0 <= low <= 0.01 and 0.04 <= high <= 0.08
    assert statistics.difference_interval(reference, reference) == (0, 0)


def test_difference_interval_changes_sign_with_the_rows(labels, scores):
    a, b = scores[:2].argmax(-1) == labels, scores[2:].argmax(-1) == labels
    low, high = statistics.difference_interval(a, b)
    assert statistics.difference_interval(b, a) == pytest.approx((-high, -low), abs=0.02)


def test_macro_f1_is_sklearns_averaged_over_seeds(labels, scores):
    predictions = scores.argmax(-1)
    value, (low, high) = statistics.macro_f1(labels, predictions, 7)
    assert value == pytest.approx(np.mean([f1_score(labels, row, average='macro') for row in predictions]))
    assert low < value < high


def test_macro_f1_interval_is_that_of_resampled_sklearn(labels, scores):
    predictions = scores[0].argmax(-1)
    expected = scipy_stats.bootstrap(
        (labels, predictions), lambda y, p: f1_score(y, p, average='macro'), paired=True, vectorized=False,
        n_resamples=600, rng=np.random.default_rng(0)).confidence_interval
    assert statistics.macro_f1(labels, predictions, 7)[1] == pytest.approx(expected, abs=0.025)


def test_macro_f1_leaves_out_a_class_nobody_saw_and_is_the_point_when_all_is_right():
    labels = np.array([0, 0, 1, 1, 1])
    assert statistics.macro_f1(labels, [labels], 9) == (1.0, (1.0, 1.0))


def test_top_k_is_sklearns_and_breaks_ties_by_class(labels, scores):
    for k in (1, 3, 6):
        assert statistics.top_k(labels, scores[0], k).mean() == pytest.approx(
            top_k_accuracy_score(labels, scores[0], k=k, labels=range(7)))
    assert statistics.top_k([0, 1, 2], np.full((3, 3), 1 / 3), 2).tolist() == [True, True, False]
    assert (statistics.top_k(labels, scores, 1) == (scores.argmax(-1) == labels)).all()


def test_vote_is_the_majority_then_the_mean_softmax():
    scores = np.array([[[.6, .4, 0], [.9, .1, 0], [.5, .3, .2]],
                       [[.6, .4, 0], [.4, .6, 0], [.2, .5, .3]],
                       [[0, 1, 0], [0, .6, .4], [.2, .35, .45]]])
    # 2:1 votes although class 1 has the higher mean; 1:2 votes; 1:1:1 votes, means .3, .383, .317
    assert statistics.vote(scores).tolist() == [0, 1, 1]


def test_mcnemar_by_hand():
    """6 images only the row has right, 1 only the reference: 2 * (C(7,0) + C(7,1)) / 2^7 = 16 / 128."""
    row = np.array([1] * 6 + [0] + [1] * 20 + [0] * 5, bool)
    reference = np.array([0] * 6 + [1] + [1] * 20 + [0] * 5, bool)
    assert statistics.mcnemar(row, reference) == pytest.approx(16 / 128)
    assert statistics.mcnemar(reference, row) == pytest.approx(16 / 128)
    assert statistics.mcnemar(row, row) == 1.0


def test_holm_by_hand():
    """0.01 * 4; max of that and 0.02 * 3; 0.03 * 2; 0.9, never falling and at most 1."""
    assert statistics.holm([0.02, 0.9, 0.01, 0.03]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert statistics.holm([0.7, 0.8]) == pytest.approx([1.0, 1.0])
    assert statistics.holm([]).tolist() == []


@pytest.mark.parametrize(('interval', 'p', 'words'), [
    ((0.01, 0.05), 0.01, 'better'), ((-0.05, -0.01), 0.01, 'worse'), ((0.01, 0.05), 0.05, 'no gain shown'),
    ((-0.05, -0.01), 0.2, 'no gain shown'), ((0.0, 0.05), 0.01, 'no gain shown'), ((-0.01, 0.0), 0.0, 'no gain shown')])
def test_verdict_needs_both(interval, p, words):
    assert statistics.verdict(interval, p) == words


def test_summary_by_hand_and_as_json():
    labels = np.array([0, 0, 1, 1])
    row = statistics.summary(labels, softmax_of([[0, 1, 1, 1], [0, 0, 1, 0]], 3))
    assert (row['top1'], row['top5']) == (0.75, 1.0)
    assert row['confusion'] == [[3, 1, 0], [1, 3, 0], [0, 0, 0]]
    assert row['per_class'] == [0.75, 0.75, None]
    assert row['macro_f1'] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert row['top1_interval'][0] < 0.75 < row['top1_interval'][1]
    json.dumps(row, allow_nan=False)


def test_comparisons_name_what_helped():
    labels = np.zeros(100, int)
    errs = {name: (np.arange(100) < count).astype(int) for name, count in (('full', 30), ('same', 29), ('box', 5))}
    errs['harmed'] = (np.arange(100) < 60).astype(int)
    pairs = [(name, 'full') for name in ('same', 'box', 'harmed')]
    rows = {name: softmax_of([row, row], 4) for name, row in errs.items()}
    found = {row['row']: row for row in statistics.compare(labels, rows, pairs)}
    assert [found[name]['verdict'] for name in ('same', 'box', 'harmed')] == ['no gain shown', 'better', 'worse']
    assert found['box']['value'] == pytest.approx(0.25)
    assert found['box']['p'] == pytest.approx(2 * 0.5 ** 25)
    assert found['box']['p_holm'] == pytest.approx(2 * 2 * 0.5 ** 25)  # second of three
    assert found['same']['p_holm'] == 1.0
    json.dumps(found, allow_nan=False)


def test_repeating_a_seed_adds_no_evidence():
    """Pooling seeds would; voting counts each image once."""
    labels = np.zeros(40, int)
    full, box = softmax_of([(np.arange(40) < 6).astype(int)], 3), softmax_of([np.zeros(40, int)], 3)
    once, = statistics.compare(labels, dict(full=full, box=box), [('box', 'full')])
    thrice, = statistics.compare(labels, dict(full=full.repeat(3, 0), box=box.repeat(3, 0)), [('box', 'full')])
    assert thrice == once
    assert once['p'] == pytest.approx(2 * 0.5 ** 6)
