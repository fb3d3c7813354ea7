"""Corruptions, noise of one octave, and exchanged surroundings: what they do to an image."""
from __future__ import annotations

import numpy as np
import pytest

from pipelines.analysis import background, bands, corrupted


@pytest.fixture(scope='module')
def picture():
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 190, 64)[:, None, None] + np.zeros((64, 64, 3))
    return (ramp + rng.normal(0, 5, ramp.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.mm  # glass blur is compiled, for ten seconds
@pytest.mark.parametrize('kind', corrupted.KINDS)
def test_a_corruption_is_the_same_again_and_another_by_its_seed(picture, kind):
    before = np.random.get_state()[1].copy()
    first = corrupted.corrupt(picture, kind, 3, corrupted.seed_of(7, kind, 3))
    np.random.random(5)
    assert np.array_equal(first, corrupted.corrupt(picture, kind, 3, corrupted.seed_of(7, kind, 3)))
    assert first.shape == picture.shape and not np.array_equal(first, picture)
    drawn = ('noise', 'glass', 'motion', 'snow', 'frost', 'fog', 'elastic')
    other = corrupted.corrupt(picture, kind, 3, corrupted.seed_of(8, kind, 3))
    assert np.array_equal(first, other) == (not any(word in kind for word in drawn))
    assert len(before) == 624


@pytest.mark.parametrize('kind', corrupted.GROUPS['noise'])
def test_noise_grows_with_severity(picture, kind):
    change = [np.abs(corrupted.corrupt(picture, kind, severity, 1).astype(int) - picture).mean()
              for severity in (1, 3, 5)]
    assert change == sorted(change) and change[2] > 1.5 * change[0]


def _radius():
    """(64, 64) cycles per image of each place of a spectrum."""
    return np.hypot(*np.meshgrid(np.fft.fftfreq(64) * 64, np.fft.fftfreq(64) * 64))


@pytest.mark.parametrize('centre', [1.75, 7., 14.])
def test_noise_is_of_one_octave(centre):
    found = bands.noise((64, 64), centre, 0)
    power = np.abs(np.fft.fft2(found)) ** 2
    radius = _radius()
    inside = (radius >= centre / 2 ** 0.5) & (radius < centre * 2 ** 0.5)
    assert power[inside].sum() > 0.9 * power.sum()
    assert found.std() == pytest.approx(1) and found.mean() == pytest.approx(0, abs=1e-9)


def test_windows_are_one_pixel_apart():
    import torch

    from pipelines.analysis import shifted
    pixels = torch.rand(2, 3, 16, 20)
    left, right = shifted.windows(pixels)
    assert left.shape == right.shape == pixels.shape
    assert torch.equal(left[..., 1:], right[..., :-1])  # true pixels, nothing rolled or padded
    assert 0 <= left.min() and right.max() <= 1


def test_small_images_have_fewer_octaves():
    assert bands.centres(64, 64) == [1.75, 3.5, 7., 14.] and len(bands.centres(224, 224)) == 6


def test_a_model_that_sees_one_band_gets_that_band():
    """It answers by the energy of one octave: noise elsewhere leaves its answers alone."""
    rng, frequencies, seen = np.random.default_rng(0), bands.centres(224, 224), []
    own = 7.
    mask = np.abs(np.log2(np.maximum(_radius(), 0.1) / own)) <= 0.5
    for image in range(60):
        signal = bands.noise((64, 64), own, image) * (0.03 if image % 2 else -0.03)
        direction = bands.noise((64, 64), own, image)

        def answer(picture, direction=direction):
            filtered = np.fft.ifft2(np.fft.fft2(picture) * mask).real
            return int((filtered * direction).sum() + rng.normal(0, 20) > 0)

        answers = {name: answer(signal) for name in ('colour', 'grey', 'low')}
        for number, centre in enumerate(one for one in frequencies if one <= 14):
            added = bands.noise((64, 64), centre, 1000 + image * 10 + number)
            for deviation in bands.DEVIATIONS:
                answers[f'{centre:g} {deviation:g}'] = answer(signal + 60 * deviation * added)
        seen.append(dict(label=image % 2, answers=answers))
    said = bands.summary(seen, classes=2)
    thresholds = dict(zip(said['frequencies'], said['thresholds']))
    assert said['low'] > 0.9
    assert all(value is None for centre, value in thresholds.items() if centre != own)


def test_the_channel_of_known_thresholds():
    frequencies = [1.75, 3.5, 7., 14., 28.]
    sigma = 0.5
    at = np.log2(frequencies) - np.log2(7)
    thresholds = (0.01 * np.exp(at ** 2 / (2 * sigma ** 2))).tolist()
    said = bands.channel(frequencies, thresholds)
    assert said['centre'] == pytest.approx(7, rel=1e-3)
    assert said['octaves'] == pytest.approx(2 * np.sqrt(np.log(4)) * sigma, rel=1e-3)
    assert bands.channel(frequencies, [None, 0.1, 0.1, None, None]) is None


def test_a_threshold_lies_between_the_deviations():
    assert bands.threshold([0.9, 0.8, 0.6, 0.4, 0.2, 0.1, 0.1], 0.5) == pytest.approx(0.01 * 2 ** 0.5)
    assert bands.threshold([0.9] * 7, 0.5) is None and bands.threshold([0.3] * 7, 0.5) == bands.DEVIATIONS[0]


def test_animals_and_surroundings_are_exchanged():
    animal = np.zeros((32, 32), bool)
    animal[8:24, 8:24] = True
    own, other = np.full((32, 32, 3), 200, np.uint8), np.full((32, 32, 3), 50, np.uint8)
    other[:8, :8] = 255  # its animal, outside of the first one's box
    where = np.zeros((32, 32), bool)
    where[:8, :8] = True
    found = background.variants(own, animal, None, (other, where))
    assert set(found) == {*background.VARIANTS} - {'surroundings of its class'}
    assert (found['animal grey'][animal] == 114).all() and (found['animal grey'][~animal] == 200).all()
    assert (found['surroundings grey'][~animal] == 114).all()
    exchanged = found['surroundings of another class']
    assert (exchanged[animal] == 200).all() and (exchanged[~animal] == 50).all()  # the other animal is filled


def test_partners_are_of_the_class_that_is_asked_for():
    rows = [dict(gt_label=i % 3) for i in range(9)]
    usable = np.arange(9) != 4
    for i, (same, other) in enumerate(background.partners(rows, usable)):
        assert same != i and same % 3 == i % 3 and other % 3 != i % 3 and 4 not in (same, other)
    assert background.partners(rows[:1], np.array([True])) == [(None, None)]
