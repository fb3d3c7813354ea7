"""The gate's arithmetic, on drawn tables in which the truth is known."""
from __future__ import annotations

import numpy as np
import pytest

from pipelines.core import admission, gate
from pipelines.core.rows import Images

SOUND = dict(collapse=[], copying=[])


def drawn(true: list[float], images: int = 1200, seeds: int = 5, sd: float = 0.01, seed: int = 0) -> list[np.ndarray]:
    """(S, N) right or wrong, of classifiers with these true top-1; the same images are hard for all."""
    rng = np.random.default_rng(seed)
    hard = rng.random(images)
    return [hard + 0.25 * rng.normal(size=(seeds, images)) < top1 + sd * rng.normal(size=(seeds, 1)) for top1 in true]


def judged(true: list[float], **more) -> list[gate.Gain]:
    real, *others = drawn([0.8, *true], **more)
    return gate.gains(others, real, draws=300)


def test_a_gain_is_the_mean_difference_and_lies_in_the_middle_of_its_interval():
    real, better = drawn([0.8, 0.86])
    found, = gate.gains([better], real, draws=500)
    assert found.value == pytest.approx(better.mean() - real.mean())
    assert np.mean(found.interval) == pytest.approx(found.value)
    assert found.least > (found.interval[1] - found.interval[0]) / 2 > 1.5 * found.error


def test_standard_errors_are_those_of_two_samples():
    """Rows that differ by seeds alone, and by images alone: the textbook's standard errors of means."""
    seeds = np.array([0.1, -0.1, 0.3, 0.2, 0.])[:, None] + np.zeros((5, 400))
    by_seeds, = gate.gains([seeds], np.zeros((5, 400)), draws=50)
    assert by_seeds.error == pytest.approx(np.hypot(seeds[:, 0].std(ddof=1) / np.sqrt(5), np.sqrt(2 / 5 / (400 * 399))),
                                           rel=1e-6)
    images = np.where(np.arange(400) < 100, 1., 0.) + np.zeros((5, 1))
    by_images, = gate.gains([images], np.zeros((5, 400)), draws=50)
    assert by_images.error == pytest.approx(images[0].std(ddof=1) / 20, rel=0.02)


def test_bounds_hold_together_and_over_seeds():
    alone, two = judged([0.8])[0], judged([0.8, 0.8])[0]
    real, other = drawn([0.8, 0.8])
    more = gate.gains([other], real, tests=6, draws=500)[0]
    width = [one.interval[1] - one.interval[0] for one in (alone, two, more)]
    assert width[0] < width[1] and width[0] < width[2]
    unsteady = judged([0.8], sd=0.05)[0]
    assert unsteady.error > 2 * alone.error


def test_few_verdicts_are_false_and_true_gains_are_seen():
    false = sum(any(gain.interval[0] > 0 or gain.interval[1] < 0 for gain in gate.gains(
        drawn([0.8, 0.8, 0.8], images=300, seed=seed)[1:], drawn([0.8, 0.8, 0.8], images=300, seed=seed)[0], draws=200))
        for seed in range(40))
    assert false <= 5  # at 5 % more than 5 of 40 come in 1 of 70 cases
    assert sum(judged([0.86], seed=seed)[0].interval[0] > 0 for seed in range(10)) >= 9


def test_power_is_kept():
    """A true gain of `least` is seen in about four of five tries."""
    least = float(np.mean([judged([0.8], seed=seed, images=600)[0].least for seed in range(5)]))
    seen = sum(judged([0.8 + least], seed=seed, images=600)[0].interval[0] > 0 for seed in range(20))
    assert 12 <= seen <= 20
    assert gate.power([gate.Gain(0, (-.02, .02), .01, .0314)], 1200, 5) == (
        'With 1,200 held-out images and 5 seeds, a true gain of 3.1 points of top-1 would have been seen in four of '
        'five tries; a smaller one, mostly not.')


def test_equal_rows_and_too_few_seeds():
    same = drawn([0.8])[0]
    gain, = gate.gains([same], same, draws=100)
    assert gain.value == 0 and gain.interval[0] < 0 < gain.interval[1]
    with pytest.raises(ValueError, match='got 2 and 1200'):
        gate.gains([same[:2]], same[:2])


def gain(low: float, high: float) -> gate.Gain:
    return gate.Gain((low + high) / 2, (low, high), 0.01, 0.03)


@pytest.mark.parametrize(('signs', 'sweep', 'word', 'percent'), [
    (dict(collapse=['blurred'], copying=['copied']), [(10, gain(.01, .03))], 'collapsed', None),
    (dict(collapse=[], copying=['copied']), [(10, gain(.01, .03))], 'copying', None),
    (SOUND, [(10, gain(.01, .03)), (30, gain(.02, .06))], 'use', 30),
    (SOUND, [(10, gain(.01, .03)), (30, gain(-.06, -.02))], 'use', 10),
    (SOUND, [(10, gain(-.01, .03)), (30, gain(-.06, -.02))], 'harmful', None),
    (SOUND, [(10, gain(-.01, .03)), (30, gain(-.02, .06))], 'undecided', None),
    (SOUND, [], 'undecided', None)])
def test_a_verdict_is_read_off_signs_and_bounds(signs, sweep, word, percent):
    found, why, entering = gate.verdict(signs, sweep)
    assert (found, entering) == (word, percent)
    assert why


def test_why_names_the_setting_and_its_bounds():
    assert gate.verdict(SOUND, [(30, gain(.02, .06))])[1] == (
        'in place of 30 % of the real images they bring +4.0 points of top-1 (+2.0 to +6.0)')


def test_what_is_kept():
    found = gate.kept([1, 2, 1, 3, 1], [0, 0, 1, 1, 1], 1, 3)
    assert found == dict(top_k=1, kept=0.6, by_class=[0.5, pytest.approx(2 / 3), None])


def test_the_profile_s_rows_get_what_the_gate_lets_in():
    content = dict(kind='square', generators=[
        dict(name='good', verdict='use', why='+4', images='square+good_kept'), dict(name='bad', verdict='collapsed',
                                                                                    why='blurred', images=None)])
    assert admission.admitted(Images('box'), None) == (Images('box'), '')
    assert admission.admitted(Images('square', 'good'), content) == (
        Images('square', 'good_kept'), 'the gate lets in square+good_kept')
    assert admission.admitted(Images('square', 'good_kept'), content)[0] == Images('square', 'good_kept')
    assert admission.admitted(Images('square', 'good', imbalance=10), content)[0] == Images('square', 'good_kept',
                                                                                            imbalance=10)
    assert admission.admitted(Images('box', 'good'), content)[0] is None
    assert admission.admitted(Images('square', 'bad'), content) == (
        None, 'the gate says collapsed of bad on square crops: blurred')
    for judged in (content, None):
        assert admission.admitted(Images('square', 'new'), judged) == (
            Images('square', 'new'), 'no gate has judged new (make gate)')
