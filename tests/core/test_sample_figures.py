"""Figures of sets of images: each against a second way of computing it, or by hand."""
from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from pipelines.core import sample_figures as figures
from pipelines.core.sample_figures import Sample

RNG = np.random.default_rng(0)


def sample(count: int, classes: int = 3, shift: float = 0., seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    features = rng.normal(size=(count, 8)) + shift + 2 * np.eye(8)[labels]
    return Sample(features, labels, np.full(count, 5.), features[None])


def test_sharpness_is_the_length_of_the_gradient():
    ramp = np.zeros((2, 8, 8, 3), np.uint8)
    ramp[0] = 3 * np.arange(8)[:, None, None] + 4 * np.arange(8)[None, :, None]
    assert figures.sharpness(ramp) == pytest.approx([5, 0])
    green = np.zeros((1, 2, 2, 3), np.uint8)
    green[0, :, 1, 1] = 100
    assert figures.sharpness(green) == pytest.approx([58.7])  # the weight of green in brightness


def test_kernel_distance_is_scikit_learns_kernel_without_the_diagonal():
    a, b = RNG.normal(size=(50, 6)), RNG.normal(size=(1500, 6)) + 0.2  # more than a block
    kernel = [polynomial_kernel(x, y, degree=3) for x, y in ((a, a), (b, b), (a, b))]
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in kernel[:2]]
    assert figures.kid(a, b) == pytest.approx(sum(within) - 2 * kernel[2].mean(), rel=1e-9)
    with pytest.raises(ValueError, match='at least 2 images'):
        figures.kid(a[:1], b)


def test_kernel_distance_is_unbiased():
    found = [figures.kid(*np.random.default_rng(seed).normal(size=(2, 20, 4))) for seed in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
    assert min(found) < 0


def test_one_nearest_neighbour_is_scikit_learns_leave_one_out():
    a, b = RNG.normal(size=(40, 5)), RNG.normal(size=(40, 5)) + 0.7
    both, label = np.concatenate([a, b]), np.arange(80) < 40
    right = [KNeighborsClassifier(1).fit(np.delete(both, i, 0), np.delete(label, i)).predict(both[[i]])[0] == label[i]
             for i in range(80)]
    assert figures.one_nn(a, b) == pytest.approx(np.mean(right))


@pytest.mark.parametrize(('other', 'share'), [([10., 11.5], 1.), ([0.1, 9.9], 0.), ([0., 9.], 0.)])
def test_one_nearest_neighbour_by_hand(other, share):
    assert figures.one_nn(np.array([[0.], [9.]]) if other != [10., 11.5] else np.array([[0.], [1.]]),
                          np.array(other)[:, None]) == share


def test_one_nearest_neighbour_counts_ties_in_part_and_wants_sets_of_one_size():
    assert figures.one_nn(np.zeros((2, 1)), np.zeros((2, 1))) == pytest.approx(1 / 3)  # 1 of 3 others is of one's own
    with pytest.raises(ValueError, match='got 3 and 2'):
        figures.one_nn(np.zeros((3, 1)), np.zeros((2, 1)))


def test_nearest_and_radii_are_scikit_learns():
    a, b = RNG.normal(size=(1100, 5)), RNG.normal(size=(60, 5))
    distance, index = NearestNeighbors(n_neighbors=1).fit(b).kneighbors(a)
    found = figures.nearest(a, b)
    assert found[0] == pytest.approx(distance[:, 0]) and (found[1] == index[:, 0]).all()
    distance, _ = NearestNeighbors(n_neighbors=4).fit(b).kneighbors(b)
    assert figures.radii(b, 3) == pytest.approx(distance[:, 3])


def test_closeness_is_measured_by_the_train_image_s_own_gap_and_sees_mirror_images():
    def seen(*rows: list[float]) -> Sample:
        views = np.array([rows, [row[::-1] for row in rows]])
        return Sample(views[0], np.zeros(len(rows), int), np.ones(len(rows)), views)

    train = seen([0., 0.], [0., 1.], [9., 5.], [9., 9.])
    assert train.gaps == pytest.approx([1, 1, 4, 4])
    share, index = seen([0., 0.5], [5., 9.], [9., 7.]).closeness(train)
    assert share == pytest.approx([0.5, 0, 0.5]) and index.tolist() == [0, 2, 2]


def test_precision_recall_and_coverage_by_hand():
    real, other = (np.array(row)[:, None] for row in ([0., 1., 2., 3.], [0.5, 1.5, 10., 11.]))
    # k=1: all balls have radius 1; 10 and 11 lie in none of the real ones, 3 in none of the synthetic ones
    assert figures.precision_recall(real, other, k=1) == (0.5, 0.75)
    assert figures.precision_recall(real, real, k=3) == (1.0, 1.0)
    assert figures.covered(real, other, figures.radii(real, 1)) == 0.75
    with pytest.raises(ValueError, match='more than 4 images'):
        figures.precision_recall(real, real, k=4)


def test_images_of_one_kind_have_the_reference_s_figures_and_others_have_not():
    train, held = sample(300), sample(90, seed=1)
    same, far, copies = sample(300, seed=2), sample(300, shift=3, seed=3), Sample(
        train.features + 0.05, train.labels, 0.4 * train.sharpness, train.views + 0.05)
    options = dict(size=90, per_class=[30, 30, 30])
    reference = dict(figures.compare(train, held, **options), kid_floor=figures.kid_floor(train, 90), recognised=0.9)
    found = {name: dict(figures.compare(train, one, quantile=reference['copy_distance'], **options), recognised=0.9)
             for name, one in dict(same=same, far=far, copies=copies).items()}
    assert 0.4 < reference['one_nn'] < 0.6 and reference['copies'] == pytest.approx(0.05, abs=0.01)
    assert found['same']['one_nn'] == pytest.approx(reference['one_nn'], abs=0.06)
    assert found['same']['coverage'] == pytest.approx(reference['coverage'], abs=0.15)
    assert found['far']['one_nn'] > 0.95 and found['far']['kid'] > 100 * reference['kid_floor']
    assert found['far']['coverage'] < 0.1 and found['far']['copies'] == 0
    assert found['copies']['copies'] == 1 and found['copies']['one_nn'] < 0.4
    signs = {name: figures.signs_of_collapse(one, reference) for name, one in found.items()}
    assert signs['same'] == [] and [sign.split()[0] for sign in signs['copies']] == ['sharpness']
    assert [sign.split()[0] for sign in signs['far']] == ['the', 'KID']
    assert [len(figures.signs_of_copying(one)) for one in found.values()] == [0, 0, 1]


def test_a_class_that_was_never_drawn_is_not_covered_and_one_without_held_out_images_is_left_out():
    train, other = sample(60), sample(40)
    other = other.take(np.flatnonzero(other.labels != 2))
    found = figures.compare(train, other, size=20, per_class=[5, 0, 5])
    assert found['coverage_by_class'][1:] == [None, 0.]
    assert found['coverage'] == found['coverage_by_class'][0] / 2 > 0


def test_labels_that_a_classifier_does_not_recognise_are_a_sign():
    same = dict(sharpness=1., one_nn=0.5, kid=0.)
    reference = dict(same, kid_floor=0.01, recognised=0.8)
    assert figures.signs_of_collapse(dict(same, recognised=0.41), reference) == []
    assert figures.signs_of_collapse(dict(same, recognised=0.39), reference) == [
        'a classifier of real images recognises 39 % of them, of held-out real images 80 % (least: half as many)']
