from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from pipelines.core import crossed, statistics


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


def predicted(labels, *wrong: int) -> np.ndarray:
    """(S, N) predictions: right but for so many images, first to last, that are taken for the next class."""
    labels = np.asarray(labels)
    return np.stack([np.where(np.arange(len(labels)) < count, labels + 1, labels) for count in wrong])


def test_macro_f1_is_sklearns_and_its_interval_that_of_resampled_sklearn(labels, scores):
    predictions = scores.argmax(-1)
    predictions[:, :40] = labels[:40]
    added = statistics.macro_f1(labels, predictions, 7)
    assert added.mean(axis=1) == pytest.approx([f1_score(labels, row, average='macro') for row in predictions])
    expected = scipy_stats.bootstrap(
        (labels, predictions[0]), lambda y, p: f1_score(y, p, average='macro'), paired=True, vectorized=False,
        n_resamples=300, rng=np.random.default_rng(0)).confidence_interval
    assert crossed.mean(crossed.score(added[:1])).interval() == pytest.approx(expected, abs=.03)


def test_balanced_accuracy_is_sklearns_and_its_interval_that_of_resampled_sklearn():
    rng = np.random.default_rng(7)
    labels = rng.choice(4, 300, p=[.5, .3, .15, .05])
    predictions = np.where(rng.random((2, 300)) < .7, labels, rng.integers(4, size=(2, 300)))
    added = statistics.balanced_accuracy(labels, predictions)
    assert added.mean(axis=1) == pytest.approx([balanced_accuracy_score(labels, row) for row in predictions])
    expected = scipy_stats.bootstrap(
        (labels, predictions[0]), balanced_accuracy_score, paired=True, vectorized=False, n_resamples=300,
        rng=np.random.default_rng(0)).confidence_interval
    assert crossed.mean(crossed.score(added[:1])).interval() == pytest.approx(expected, abs=.03)


def test_a_class_without_images_does_not_move_the_scores_of_classes():
    """Five classes of 20, two mistakes in each; one more image taken for a sixth class, of which there is no image."""
    labels = np.repeat(np.arange(5), 20)
    few = labels.copy()
    few[::10] = (labels[::10] + 1) % 5
    sixth = few.copy()
    sixth[0] = 5
    before, after = (statistics.summary(labels, softmax_of([row], 6)) for row in (few, sixth))
    assert before['macro_f1'] == pytest.approx(.9) and before['balanced_accuracy'] == pytest.approx(.9)
    # class 1 is predicted once less: its F1 is 36 / 39, not 36 / 40
    assert after['macro_f1'] == pytest.approx((4 * .9 + 36 / 39) / 5)
    assert after['balanced_accuracy'] == pytest.approx(.9)
    assert after['per_class'][5] is None


def test_top_k_is_sklearns_and_breaks_ties_by_class(labels, scores):
    for k in (1, 3, 6):
        assert statistics.top_k(labels, scores[0], k).mean() == pytest.approx(
            top_k_accuracy_score(labels, scores[0], k=k, labels=range(7)))
    assert statistics.top_k([0, 1, 2], np.full((3, 3), 1 / 3), 2).tolist() == [True, True, False]
    assert (statistics.top_k(labels, scores, 1) == (scores.argmax(-1) == labels)).all()


def test_holm_by_hand():
    """0.01 * 4; max of that and 0.02 * 3, which 0.03 * 2 does not exceed; 0.9."""
    p = np.array([0.02, 0.9, 0.01, 0.03])
    assert statistics.holm_factors(p) * p == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert statistics.holm_factors([0.0, 0.5]).tolist() == [2, 1]
    assert statistics.holm_factors([]).tolist() == []


def test_holm_counts_comparisons_that_are_not_shown():
    assert statistics.holm_factors([0.02, 0.01], family=10).tolist() == [9, 10]


@pytest.mark.parametrize(('interval', 'words'), [
    ((0.01, 0.05), 'better'), ((-0.05, -0.01), 'worse'), ((0.0, 0.05), 'no gain shown'), ((-1, 1), 'no gain shown')])
def test_verdict_is_the_intervals(interval, words):
    assert statistics.verdict(interval) == words


def test_summary_by_hand_and_as_json():
    labels = np.array([0, 0, 1, 1])
    row = statistics.summary(labels, softmax_of([[0, 1, 1, 1], [0, 0, 1, 0]], 3))
    assert (row['top1'], row['top5']) == (0.75, 1.0)
    assert row['confusion'] == [[3, 1, 0], [1, 3, 0], [0, 0, 0]]
    assert row['per_class'] == [0.75, 0.75, None]
    assert row['macro_f1'] == pytest.approx((2 / 3 + 4 / 5) / 2) and row['balanced_accuracy'] == .75
    assert row['seeds_counted'] == 2
    assert row['top1_interval'][0] < 0.75 < row['top1_interval'][1]
    json.dumps(row, allow_nan=False)


def test_seeds_that_predict_the_same_are_one():
    labels = np.zeros(40, int)
    row = statistics.outcome(labels, softmax_of(predicted(labels, 3, 5, 3), 4))
    assert row.seeds == 2 and row.correct.mean() == pytest.approx(36 / 40)


def test_comparisons_name_what_helped():
    labels = np.zeros(200, int)
    rows = {name: softmax_of(predicted(labels, *wrong), 4) for name, wrong in dict(
        full=(60, 61, 59), same=(58, 62, 60), box=(10, 11, 12), harmed=(120, 118, 119)).items()}
    pairs = [(name, 'full') for name in ('same', 'box', 'harmed')]
    found = {row['row']: row for row in statistics.compare(labels, rows, pairs)}
    assert [found[name]['verdict'] for name in ('same', 'box', 'harmed')] == ['no gain shown', 'better', 'worse']
    assert found['box']['value'] == pytest.approx(49 / 200) and found['box']['seeds'] == 3
    assert found['box']['p_holm'] == pytest.approx(2 * found['box']['p'])  # second of three
    assert found['harmed']['p_holm'] == pytest.approx(3 * found['harmed']['p'])
    assert found['same']['needs_seeds'] is None and found['same']['p_holm'] == 1
    json.dumps(found, allow_nan=False)


def test_interval_p_and_verdict_agree_whatever_the_family():
    rng, labels = np.random.default_rng(8), np.zeros(300, int)
    common = rng.random(300)
    rows = {f'{i}': softmax_of((common + .5 * rng.random((3, 300)) > 1.2 - .03 * i).astype(int), 3) for i in range(12)}
    verdicts = set()
    for family in (0, 40, 4000):
        for row in statistics.compare(labels, rows, [(name, '0') for name in rows if name != '0'], family=family):
            low, high = row['interval']
            assert (low > 0 or high < 0) == (row['p'] < .05)
            low, high = row['interval_holm']
            assert (low > 0 or high < 0) == (row['p_holm'] < .05) == (row['verdict'] != 'no gain shown')
            verdicts.add(row['verdict'])
    assert verdicts == {'worse', 'no gain shown'}


def test_one_seed_gives_no_verdict_and_neither_do_copies_of_it():
    labels = np.zeros(200, int)
    full, box = (softmax_of(predicted(labels, wrong), 3) for wrong in (60, 0))
    for copies in (1, 3):
        row, = statistics.compare(labels, dict(full=full, box=box.repeat(copies, 0)), [('box', 'full')])
        assert row == dict(row='box', reference='full', value=pytest.approx(.3), seeds=1, interval=None, p=None,
                           interval_holm=None, p_holm=None, verdict='one seed: no verdict', needs_seeds=3)


def test_a_better_mean_of_equal_seeds_against_a_better_vote():
    """Three seeds of 80 % that err on other images outvote a row of 82 % whose three seeds are one: no verdict."""
    rng, images, classes = np.random.default_rng(0), 4000, 10
    labels, hard = rng.integers(classes, size=images), rng.random(images) < .1
    seeds = np.stack([np.where(hard | (rng.random(images) < .112), (labels + 1) % classes, labels) for _ in range(3)])
    one = np.where(rng.random(images) < .182, (labels + 1) % classes, labels)
    rows = dict(ref=softmax_of(seeds, classes), row=softmax_of([one] * 3, classes))
    found, = statistics.compare(labels, rows, [('row', 'ref')])
    assert found['value'] > .01 and found['verdict'] == 'one seed: no verdict'


def test_rows_of_one_recipe_whose_seeds_differ_are_not_told_apart():
    """Same images hard, sd of seeds 0.84 points, 5,794 images: at most 4 of 40 tables say better or worse."""
    rng, labels, wrong = np.random.default_rng(9), np.zeros(5794, int), 0
    for _ in range(40):
        hard = rng.normal(size=5794) * 2
        rows = {name: softmax_of((hard + .06 * rng.normal(size=(3, 1)) + rng.normal(size=(3, 5794)) > 2.3).astype(int),
                                 2) for name in ('a', 'b')}
        found, = statistics.compare(labels, rows, [('a', 'b')])
        wrong += found['verdict'] != 'no gain shown'
    assert wrong <= 4
