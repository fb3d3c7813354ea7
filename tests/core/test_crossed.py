"""The model of images and seeds, against its closed forms and against repetition."""
from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipelines.core import crossed


def normal_table(rng: np.random.Generator, seeds: int, images: int, image: float, seed: float, rest: float):
    """(S, N) values of the model, its parts with these standard deviations."""
    return (image * rng.normal(size=images) + seed * rng.normal(size=(seeds, 1))
            + rest * rng.normal(size=(seeds, images)))


def test_parts_by_hand():
    """Two seeds, three images: means of images 1, .5, 0; of seeds 1/3, 2/3; what is left is 1/6, -2/6, 1/6 and back."""
    one = crossed.score([[1, 0, 0], [1, 1, 0]])
    assert one.images.tolist() == [1, .5, 0] and one.seeds == pytest.approx([1 / 3, 2 / 3])
    assert one.spread == pytest.approx(((1 / 3) ** 2 / 2) / 2)  # the variance of two seeds, over two
    assert one.rest == pytest.approx(2 * (1 + 4 + 1) / 36 / (2 * 1) / (3 * 2))  # squares / freedom / (N S)


def test_the_variance_of_a_mean_is_that_of_repeated_draws():
    """Draw 4,000 tables; the estimate's parts add up to how much the mean of a table really varies."""
    rng, means, estimated = np.random.default_rng(0), [], []
    for _ in range(4000):
        values = normal_table(rng, 4, 30, image=1., seed=.3, rest=1.5)
        one = crossed.score(values)
        means.append(values.mean())
        estimated.append(one.images.var(ddof=1) / 30 + one.spread - one.rest)
    assert np.var(means) == pytest.approx(1 / 30 + .09 / 4 + 2.25 / 120, rel=.06)
    assert np.mean(estimated) == pytest.approx(1 / 30 + .09 / 4 + 2.25 / 120, rel=.03)


@pytest.mark.parametrize('spread', [.02, .2])
def test_seeds_alone_give_welchs_test_but_for_its_degrees_of_freedom(spread):
    """Images do not differ at all, so that all luck is in the seeds."""
    rng = np.random.default_rng(1)
    row, reference = rng.normal(.5, spread, (5, 1)), rng.normal(.52, .02, (4, 1))
    images = 100_000
    found = crossed.difference(*(crossed.score(np.repeat(one, images, axis=1)) for one in (row, reference)))
    welch = stats.ttest_ind(row[:, 0], reference[:, 0], equal_var=False)
    parts = np.array([row.var(ddof=1) / 5, reference.var(ddof=1) / 4])
    share = parts / parts.sum()
    freedom = 1 / (.75 * share ** 2 / [4, 3] + .25 * share / [4, 3]).sum()
    assert 3 < freedom < welch.df
    reach = stats.t.isf(.025, freedom) * np.sqrt(parts.sum())
    centre = row.mean() - reference.mean()
    assert found.p() == pytest.approx(2 * stats.t.sf(abs(centre) / np.sqrt(parts.sum()), freedom), abs=1e-3)
    assert found.interval() == pytest.approx((centre - reach, centre + reach), abs=1e-3)


def test_images_alone_give_students_test():
    """All seeds of a row predict the same, so that all luck is in the images."""
    rng = np.random.default_rng(2)
    row, reference = rng.random((2, 1, 4000)) < [[[.8]], [[.77]]]
    found = crossed.difference(crossed.score(row.repeat(3, 0)), crossed.score(reference.repeat(3, 0)))
    student = stats.ttest_rel(row[0].astype(float), reference[0].astype(float))
    assert found.p() == pytest.approx(student.pvalue, rel=.05)
    assert found.interval() == pytest.approx(student.confidence_interval(), abs=1e-3)


def test_few_images_on_which_two_rows_differ():
    """4 of 50 images, all for the row: McNemar's exact p is 1/8; a t test over images says 0.044."""
    row, reference = np.arange(50)[None] < 48, np.arange(50)[None] < 44
    found = crossed.difference(crossed.score(row), crossed.score(reference))
    assert .05 < found.p() < .2
    low, high = found.interval()
    assert low < 0 < .08 < high


def test_a_mean_has_an_interval_where_all_are_right():
    """Agresti and Coull's for 30 of 30, but for 4 added images where they add 3.84: [0.865, 1.02]."""
    found = crossed.mean(crossed.score(np.ones((2, 30))))
    assert found.value == 1 and found.interval() == (pytest.approx(.859, abs=.01), 1.)


def test_a_mean_of_one_seed_is_the_binomials():
    wilson = stats.binomtest(90, 100).proportion_ci(method='wilson')
    assert crossed.mean(crossed.score(np.arange(100)[None] < 90)).interval() == pytest.approx(wilson, abs=.015)


@pytest.mark.parametrize('seed', range(30))
@pytest.mark.parametrize('alpha', [.05, .003])
def test_interval_and_p_never_disagree(seed, alpha):
    rng = np.random.default_rng(seed)
    rows = [normal_table(rng, 3, 60, image=1., seed=.4, rest=1.) > -1.2 + .3 * i for i in range(2)]
    found = crossed.difference(*map(crossed.score, rows))
    low, high = found.interval(alpha)
    assert (low > 0 or high < 0) == (found.p() < alpha)
    for end in (low, high):
        if abs(end) < 1:
            assert found.p(end) == pytest.approx(alpha, rel=1e-6)


def test_the_rows_may_be_exchanged():
    rng = np.random.default_rng(3)
    row, reference = (crossed.score(rng.random((seeds, 200)) < .8) for seeds in (3, 5))
    there, back = crossed.difference(row, reference), crossed.difference(reference, row)
    low, high = there.interval()
    assert back.interval() == pytest.approx((-high, -low)) and there.p() == pytest.approx(back.p())


def test_seeds_needed_are_those_that_show_it():
    """Seeds differ by 2 points, images hardly matter: the classic count for a t test of 1.5 points, power 0.8."""
    rng = np.random.default_rng(4)
    rows = [.8 + .015 * i + .02 * (np.array([-1, 0, 1])[:, None] + 0 * rng.random(20_000)) for i in range(2)]
    found = crossed.difference(*map(crossed.score, reversed(rows)))
    needed = found.seeds_needed()
    shift = .015 / (.02 * np.sqrt(2 / np.array([needed - 1, needed])))
    freedom = 2 * (np.array([needed - 1, needed]) - 1)
    power = stats.nct.sf(stats.t.isf(.025, freedom), freedom, shift)
    assert power[1] == pytest.approx(.8, abs=.04) and power[0] < power[1]


def test_no_number_of_seeds_makes_up_for_images():
    rng = np.random.default_rng(5)
    common = rng.random(40)
    rows = [(np.where(rng.random(40) < .5, common, rng.random(40)) < .7)[None].repeat(3, 0) for _ in range(2)]
    assert crossed.difference(*map(crossed.score, rows)).seeds_needed() is None


def test_one_image_is_refused_and_so_are_other_images():
    with pytest.raises(ValueError, match='at least 2 images, got 1'):
        crossed.score([[True]])
    with pytest.raises(ValueError, match='3 images against 4'):
        crossed.difference(crossed.score(np.ones((1, 3))), crossed.score(np.ones((1, 4))))
