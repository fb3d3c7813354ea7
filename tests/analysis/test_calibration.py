"""ECE as torchmetrics counts it, the temperature, and the floor."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.analysis import calibration


@pytest.fixture(scope='module')
def scored():
    """Softmax of 400 images and 5 classes, drawn so that it is calibrated, and the labels."""
    rng = np.random.default_rng(2)
    scores = rng.dirichlet(np.full(5, 0.4), 400)
    return scores, np.array([rng.choice(5, p=one) for one in scores])


@pytest.mark.mm  # it takes ten seconds to import
def test_ece_is_that_of_torchmetrics(scored):
    from torchmetrics.functional.classification import multiclass_calibration_error

    scores, labels = scored
    expected = multiclass_calibration_error(torch.from_numpy(scores), torch.from_numpy(labels), 5, n_bins=15, norm='l1')
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    assert calibration.ece(confidence, right) == pytest.approx(float(expected), abs=1e-7)


def test_full_confidence_is_in_the_last_bin():
    """torchmetrics gives it one of its own."""
    found = calibration.bins(np.array([1., 0.95, 0.]), np.array([True, False, False]))
    assert found == [dict(bin=0, images=1, confidence=0., accuracy=0.),
                     dict(bin=14, images=2, confidence=0.975, accuracy=0.5)]


def test_the_temperature_undoes_what_made_a_row_too_sure(scored):
    scores, labels = scored
    sharp = calibration.at(scores, 0.5)
    temperature = calibration.fitted(sharp, labels)
    assert temperature == pytest.approx(2, abs=0.3)  # the drawn scores are calibrated
    cooled = calibration.at(sharp, temperature)
    assert (cooled.argmax(axis=1) == sharp.argmax(axis=1)).all()
    assert calibration.nll(cooled, labels) < calibration.nll(sharp, labels)
    assert calibration.at(scores, 1.) == pytest.approx(scores, abs=1e-9)


def test_a_calibrated_row_shows_its_floor(scored):
    scores, labels = scored
    said = calibration.measured(scores, labels)
    assert said['ece'] == pytest.approx(said['ece_floor'], abs=0.03) and said['ece_floor'] > 0.02
    few = calibration.floor(scores.max(axis=1)[:100])
    assert few > said['ece_floor']  # fewer images, more of it


def test_brier_and_nll_of_known_scores():
    scores, labels = np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 0])
    assert calibration.brier(scores, labels) == pytest.approx((0.08 + 0.72) / 2)
    assert calibration.nll(scores, labels) == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
