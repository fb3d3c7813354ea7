"""PCA, t-SNE and their numbers: the same on a rerun, and right where the answer is known."""
from __future__ import annotations

import numpy as np
import pytest

from pipelines.analysis import embedding


def _features(count: int = 45, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Classes in directions of their own."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    values = np.eye(classes, 8)[labels] + 0.05 * rng.normal(size=(count, 8))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32), labels


def test_classes_apart_are_seen_apart():
    values, labels = _features()
    found = embedding.arranged(values, labels)
    assert found['purity'] == 1 and found['purity_chance'] == pytest.approx(14 / 44)
    assert found['k'] == 10 and found['perplexity'] == pytest.approx(44 / 3)
    assert 0.95 < found['trustworthiness']['pca'] <= 1 and 0.9 < found['trustworthiness']['tsne'] <= 1
    assert sum(found['explained']) > 0.9 and np.shape(found['tsne']) == np.shape(found['pca']) == (45, 2)


def test_labels_that_mean_nothing_are_at_chance():
    values, _ = _features(120)
    found = embedding.arranged(values, np.random.default_rng(1).integers(0, 3, 120))
    assert found['purity'] == pytest.approx(found['purity_chance'], abs=0.06)


def test_a_rerun_gives_the_same_picture():
    values, labels = _features()
    assert embedding.arranged(values, labels) == embedding.arranged(values, labels)
