"""The figures of `make explain`: where features lie, and how a row's confusions differ from the reference's."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pipelines.reporting.figures import GREY, TEXT, style, svg
from pipelines.reporting.matrices import name_of
from pipelines.reporting.words import MINUS

COLOURED = 8  # classes, up to which each has a colour and a sign of its own
_COLOURS = ('#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8a8f98', '#b2a800')  # Okabe and Ito
_SIGNS = 'osD^vP*X'
_SHOWN = 14  # classes in a matrix of differences


def arranged(looks: Sequence[Mapping]) -> Markup:
    """PCA and t-SNE of every row's features, side by side; the same images everywhere."""
    import matplotlib.pyplot as plt

    with style('arranged'):
        figure, axes = plt.subplots(len(looks), 2, squeeze=False, figsize=(10.4, 0.7 + 3.6 * len(looks)))
        for line, one in zip(axes, looks):
            said = one['embedding']
            for axis, kind, title in zip(line, ('pca', 'tsne'), (
                    f'PCA, {100 * sum(said["explained"]):.0f} % of the variance',
                    f't-SNE, perplexity {said["perplexity"]:.0f}')):
                _points(axis, np.array(said[kind]), said, one['classes'])
                axis.set_title(f'{one["row"]}\n{title}, trustworthiness {said["trustworthiness"][kind]:.2f}')
                axis.set(xticks=[], yticks=[])
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=4, frameon=False)
        return svg(figure, 'Features of every row by PCA and t-SNE')


def _points(axis, places: NDArray, said: Mapping, classes: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    labels, right = np.array(said['label']), np.array(said['label']) == np.array(said['predicted'])
    if len(classes) <= COLOURED:
        for number, title in enumerate(classes):
            mine = labels == number
            axis.scatter(*places[mine].T, s=22, c=_COLOURS[number], marker=_SIGNS[number], label=name_of(title), lw=0)
        return
    for mine, colour, sign, title in ((right, _COLOURS[0], 'o', 'right'), (~right, _COLOURS[5], 'X', 'wrong')):
        axis.scatter(*places[mine].T, s=18, c=colour, marker=sign, label=title, lw=0)


def difference(classes: Sequence[str], counts: NDArray, reference: NDArray, title: str) -> Markup:
    """A row's confusions minus the reference's, in points of the images of the true class.

    Args:
        counts, reference: (C, C) by true class and answer.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import TwoSlopeNorm

    change = shares(counts) - shares(reference)
    picked = _changed_most(change)
    shown, names = 100 * change[np.ix_(picked, picked)], [name_of(classes[i]) for i in picked]
    most = max(float(np.abs(shown).max()), 1.)
    with style(f'difference {title}'):
        figure, axis = plt.subplots(figsize=(0.5 * len(picked) + 3.2, 0.42 * len(picked) + 2.1))
        mesh = axis.pcolormesh(shown, cmap='PuOr', norm=TwoSlopeNorm(0, -most, most), ec='#8a8f9833', lw=0.3)
        for (i, j), value in np.ndenumerate(shown):
            if round(value):
                axis.text(j + 0.5, i + 0.5, f'{value:+.0f}'.replace('-', MINUS), ha='center', va='center', fontsize=8,
                          color='white' if abs(value) > 0.65 * most else 'black')
        ticks = np.arange(len(picked)) + 0.5
        axis.set_xticks(ticks, names, rotation=45, ha='right', rotation_mode='anchor')
        axis.set_yticks(ticks, names)
        axis.set(xlabel='given to', ylabel='true class', aspect='equal', title=title)
        axis.invert_yaxis()
        axis.tick_params(length=0)
        bar = figure.colorbar(mesh, ax=axis, shrink=0.7, label='points')
        bar.ax.tick_params(color=GREY, labelcolor=TEXT)
        return svg(figure, f'Confusions of {title}')


def shares(counts: NDArray) -> NDArray:
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _changed_most(change: NDArray) -> list[int]:
    """The classes whose answers changed most, in their own order."""
    if len(change) <= _SHOWN:
        return list(range(len(change)))
    amount = np.abs(change).sum(axis=1) + np.abs(change).sum(axis=0)
    return sorted(int(i) for i in np.argsort(-amount, kind='stable')[:_SHOWN])
