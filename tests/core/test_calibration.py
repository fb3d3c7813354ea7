"""Temperature and promises, on answers whose truth is known."""
from __future__ import annotations

import numpy as np
import pytest

from pipelines.core import calibration


def drawn(count: int, sharpness: float, seed: int = 0, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Labels that follow softmax(z), and softmax(sharpness * z) as the scores that a network would give."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(count, classes))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng.choice(classes, p=row) for row in true])
    powers = np.exp(sharpness * logits)
    return labels, powers / powers.sum(1, keepdims=True)


def test_an_overconfident_network_gets_its_temperature_back():
    found = calibration.temperature(*drawn(2000, 3.))
    assert found['value'] == found['fitted'] == pytest.approx(3, abs=0.25)
    assert found['interval'][0] > 0 and found['gain'] > 0.1 and found['images'] == 2000


@pytest.mark.parametrize(('count', 'sharpness'), [(2000, 1.), (30, 1.2), (8, 3.)])
def test_a_temperature_that_does_not_pay_is_not_applied(count, sharpness):
    found = calibration.temperature(*drawn(count, sharpness))
    assert found['value'] is None and found['images'] == count
    assert (found['interval'] is None) == (count < calibration.FEWEST)


def test_a_temperature_keeps_the_order_and_the_sum():
    scores = np.array([[0.7, 0.2, 0.1], [1., 0., 0.]])
    warm = calibration.tempered(scores, 2.)
    assert warm.sum(1) == pytest.approx([1, 1]) and (warm.argsort(1) == scores.argsort(1))[0].all()
    assert warm[0] == pytest.approx(np.sqrt(scores[0]) / np.sqrt(scores[0]).sum())
    assert calibration.tempered(scores, None) is scores


def test_a_promise_is_the_lowest_confidence_that_val_can_prove():
    """1,000 answers, of which the 200 least sure are wrong half of the time."""
    confidence = np.linspace(1, 0.001, 1000)
    right = np.ones(1000, bool)
    right[800::2] = False
    found = calibration.unsure_below(confidence, right, 0.95)
    assert found['promised'] and 0.1 < found['value'] < 0.2
    assert found['accuracy'] >= 0.95 and found['interval'][0] < found['accuracy'] < found['interval'][1]
    assert found['coverage'] == pytest.approx((confidence >= found['value']).mean())
    stricter = calibration.unsure_below(confidence, right, 0.99)
    assert stricter['value'] > found['value'] and stricter['coverage'] < found['coverage']


def test_a_small_val_promises_nothing():
    found = calibration.unsure_below([0.9, 0.8, 0.7, 0.6], [True, True, True, False], 0.95)
    assert (found['value'], found['promised'], found['accuracy'], found['coverage']) == (0.65, False, 1., 0.75)
    assert found['images'] == 4 < found['needs']


def test_where_no_confidence_reaches_the_target_there_is_none():
    found = calibration.unsure_below([0.9, 0.8, 0.7], [False, True, False], 0.95)
    assert found['value'] is None and not found['promised'] and found['coverage'] == 0


def test_equal_confidences_are_on_one_side():
    found = calibration.unsure_below([0.9, 0.9, 0.5], [True, False, True], 0.9)
    assert found['value'] is None
    found = calibration.unsure_below([0.9, 0.9, 0.5], [True, True, False], 0.9)
    assert found['value'] == 0.7


def test_promises_hold():
    """Of 150 vals of 800 answers each, at most about one in twenty promises what is not so."""
    rng, broken, promised = np.random.default_rng(1), 0, 0
    for _ in range(150):
        confidence = rng.random(800)
        right = rng.random(800) < 0.6 + 0.4 * confidence  # right in that share
        found = calibration.unsure_below(confidence, right, 0.9)
        if found['promised']:
            promised += 1
            broken += 0.6 + 0.4 * (1 + found['value']) / 2 < 0.9  # the mean over all that are more sure
    assert promised > 100 and broken <= 0.05 * 150
