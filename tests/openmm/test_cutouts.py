"""Pixels of recombination: drawn animals whose outline is known."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.openmm.synth import cutouts

BOX = (30, 20, 90, 80)
COAT, GRASS = (190, 120, 40), (60, 140, 70)


@pytest.fixture
def drawn():
    """A picture of 120 x 100 pixels with a plump animal in `BOX`, and where that is."""
    noise = np.random.default_rng(0).normal(0, 4, (100, 120, 3))
    mask = np.zeros((100, 120), np.uint8)
    cv2.ellipse(mask, (60, 50), (29, 29), 0, 0, 360, 1, cv2.FILLED)
    cv2.rectangle(mask, (40, 60), (48, 79), 1, cv2.FILLED)
    picture = np.where(mask[..., None] > 0, COAT, GRASS) + noise
    return picture.round().clip(0, 255).astype(np.uint8), mask > 0


def test_an_animal_is_cut_out_to_the_pixel(drawn):
    picture, mask = drawn
    animal, found = cutouts.cut(picture, BOX)
    inside, true = animal[..., 3] > 127, mask[20:80, 30:90]
    assert found and animal.shape == (60, 60, 4) and (animal[..., :3] == picture[20:80, 30:90]).all()
    assert (inside & true).sum() / (inside | true).sum() > 0.95
    again, _ = cutouts.cut(picture, BOX)
    assert (again == animal).all()


def test_what_cannot_be_told_from_the_scene_is_an_ellipse(drawn):
    plain = np.full_like(drawn[0], 100)
    animal, found = cutouts.cut(plain, BOX)
    assert not found and (animal[..., 3] == cutouts.ellipse(60, 60)).all()
    alpha = cutouts.ellipse(100, 50)
    assert alpha[50, 25] == alpha[50, 8] == 255 and alpha[0, 0] == alpha[5, 2] == 0
    assert alpha[0, 25] == alpha[99, 25] < 20
    assert (alpha == alpha[::-1]).all() and (alpha == alpha[:, ::-1]).all() and 0 < alpha[50, 2] < 255
    assert cutouts.cut(plain, (-5, 90.4, 3, 140))[0].shape == (10, 3, 4)  # a box that leaves the picture


@pytest.mark.parametrize(('area', 'plausible'), [
    (np.s_[:, :], False), (np.s_[2:38, 2:58], True), (np.s_[:, :30], False), (np.s_[18:20, :], False)])
def test_which_masks_may_be_an_animal(area, plausible):
    mask = np.zeros((40, 60), np.uint8)
    mask[area] = 255
    assert cutouts.is_plausible(mask) == plausible


def test_a_scene_is_without_its_animals(drawn):
    picture, mask = drawn
    scene, hole = cutouts.scene(picture, [(BOX, None), ((100, 90, 110, 99), None)])
    assert hole[50, 60] == hole[95, 105] == 255 and hole[5, 5] == 0 and scene.shape == picture.shape
    assert np.abs(scene[mask].astype(float).mean(axis=0) - GRASS).max() < 12  # of 130 between coat and grass
    assert 2 < scene[40:60, 50:70].astype(float).std(axis=(0, 1)).mean() < 8  # the grain of the rest, 4
    assert (scene[hole == 0] == picture[hole == 0]).mean() > 0.7  # but for a soft edge
    animal, _ = cutouts.cut(picture, BOX)
    smaller = cutouts.scene(picture, [(BOX, animal[..., 3])])[1]
    assert (smaller > 0).sum() < (cutouts.scene(picture, [(BOX, None)])[1] > 0).sum()


def test_an_animal_is_put_where_it_is_said_and_flipped():
    animal = np.zeros((2, 4, 4), np.uint8)
    animal[:, :2] = (200, 100, 50, 255)
    ground = np.full((6, 8, 3), 10, np.uint8)
    for flip, columns in ((False, slice(3, 5)), (True, slice(5, 7))):
        found = cutouts.put(animal, ground, (3, 1), (4, 2), flip=flip)
        expected = ground.copy()
        expected[1:3, columns] = (200, 100, 50)
        assert (found == expected).all()
    half = cutouts.put(np.full((2, 2, 4), 128, np.uint8), ground, (-1, 5), (2, 2), flip=False)
    assert half[5, 0].tolist() == [round(128 * 128 / 255 + 10 * 127 / 255)] * 3
    assert (half != ground).any(axis=2).sum() == 1
