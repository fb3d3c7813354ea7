"""Means over images and seeds, and their 95 % intervals."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import crossed


def mean(values: NDArray[np.float64]) -> dict[str, Any]:
    """A mean with its 95 % interval over images and, where there are several, seeds.

    Args:
        values: (S, N) in [0, 1]: whether an image is right, or a share of something.
    """
    binary = np.isin(values, (0, 1)).all()
    nothing = crossed.score(np.zeros_like(values[:1]))  # shares have a spread of their own: none is to be added
    estimate = crossed.mean(crossed.score(values)) if binary else crossed.difference(crossed.score(values), nothing)
    return dict(value=estimate.value, interval=[max(0., estimate.interval()[0]), estimate.interval()[1]])


def difference(values: NDArray[np.float64], others: NDArray[np.float64]) -> dict[str, Any]:
    """The mean difference of two shares of the same images, with its interval."""
    estimate = crossed.difference(crossed.score(values), crossed.score(others))
    return dict(value=estimate.value, interval=list(estimate.interval()))
