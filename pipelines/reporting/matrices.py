"""Confusion matrices that can be read, of six classes as of two hundred."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pipelines.reporting.figures import TEXT, style, svg
from pipelines.reporting.words import name, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

LABELLED = 20  # classes, up to which a cell has room for its number
_BLUE = (0.0, 0.35, 0.65)
_CELL = 0.42  # inches
_SMALL_CELL = 0.115
_NAME = 32  # characters


def name_of(text: str) -> str:
    """A class beside a matrix."""
    return name(text)[:_NAME]


def _shares(counts: NDArray) -> NDArray:
    """Of each true class; a class without images has none."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def order(confusion: list[list[int]]) -> NDArray[np.int64]:
    """The classes, those that are mistaken for each other side by side: the leaves of an average-linkage tree."""
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    shares = _shares(np.asarray(confusion))
    distance = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distance, 0)
    return hierarchy.leaves_list(hierarchy.linkage(squareform(distance.clip(0), checks=False), 'average'))


def _cells(axis: Axes, shares: NDArray, *, edge: str, raster: bool = False) -> QuadMesh:
    """Shares as cells, from nothing at all at 0 so that the page shows through, to blue at 1."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list('shares', [(*_BLUE, 0.0), (*_BLUE, 1.0)])
    return axis.pcolormesh(shares, cmap=colours, vmin=0, vmax=1, rasterized=raster, ec=edge, lw=0.3)


def _labelled(names: list[str], columns: list[str], counts: NDArray, totals: NDArray, description: str) -> Markup:
    """A small matrix with its numbers.

    Args:
        counts: (R, C).
        totals: (R,) images of each line's class.
    """
    import matplotlib.pyplot as plt

    shares = counts / np.maximum(totals, 1)[:, None]
    size = (max(3.4, _CELL * len(columns)) + 2.6, max(2.4, _CELL * len(names)) + 1.6)
    with style('confusion'):
        figure, axis = plt.subplots(figsize=size)
        _cells(axis, shares, edge='#8a8f9833')
        axis.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=45, ha='right', rotation_mode='anchor')
        axis.set_yticks(np.arange(len(names)) + 0.5, names)
        for (i, j), share in np.ndenumerate(shares):
            if counts[i, j]:
                axis.text(j + 0.5, i + 0.5, percent(share, 0), ha='center', va='center', fontsize=8,
                          color='white' if share > 0.5 else TEXT)
        axis.set(xlabel='given to', ylabel='true class', aspect='equal')
        axis.invert_yaxis()
        axis.tick_params(length=0)
        return svg(figure, description)


def confusion(classes: list[str], counts: list[list[int]]) -> Markup:
    """All classes, with names and numbers."""
    shown, cells = [name_of(text) for text in classes], np.asarray(counts)
    return _labelled(shown, shown, cells, cells.sum(axis=1), 'Confusion matrix')


def most_confused(classes: list[str], counts: list[list[int]], most: int = LABELLED) -> Markup:
    """The classes of the most frequent mistakes, similar ones side by side, and a column for all others."""
    cells = np.asarray(counts)
    wrong = cells - np.diag(cells.diagonal())
    chosen: list[int] = []
    for pair in np.argsort(-(wrong + wrong.T), axis=None, kind='stable'):
        i, j = divmod(int(pair), len(classes))
        new = [k for k in (i, j) if k not in chosen]
        if not wrong[i, j] + wrong[j, i] or len(chosen) + len(new) > most:
            break
        chosen += new
    picked = [int(i) for i in order(counts) if int(i) in chosen] or list(range(min(most, len(classes))))
    names = [name_of(classes[i]) for i in picked]
    inside = cells[np.ix_(picked, picked)]
    others = cells[picked].sum(axis=1) - inside.sum(axis=1)
    return _labelled(names, [*names, 'another class'], np.column_stack([inside, others]), cells[picked].sum(axis=1),
                     f'Confusion matrix of the {len(picked)} classes that are mistaken most often')


def confusion_of_many(classes: list[str], counts: list[list[int]]) -> Markup:
    """All classes with their names, large enough to be read, similar ones side by side; without numbers."""
    import matplotlib.pyplot as plt

    leaves = order(counts)
    shares = _shares(np.asarray(counts))[np.ix_(leaves, leaves)]
    names = [name_of(classes[i]) for i in leaves]
    side = _SMALL_CELL * len(names)
    with style('confusion-of-many'):
        figure, axis = plt.subplots(figsize=(side + 2.4, side + 2.4))
        _cells(axis, np.sqrt(shares), edge='none', raster=True)
        ticks = np.arange(len(names)) + 0.5
        axis.set_xticks(ticks, names, rotation=90, fontsize=7)
        axis.set_yticks(ticks, names, fontsize=7)
        axis.set(xlabel='given to', ylabel='true class', aspect='equal')
        axis.grid(lw=0.3)
        axis.invert_yaxis()
        axis.tick_params(length=0)
        return svg(figure, f'Confusion matrix of all {len(names)} classes', shrink=False)
