"""The page's plots: matplotlib, as SVG that goes into the page and takes its text colour from it."""
from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import contextmanager
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING

from markupsafe import Markup

from pipelines.reporting.found import Model
from pipelines.reporting.words import MARKS, percent, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICT_COLOURS = {'better': '#2a9d5c', 'worse': '#d1495b', 'no gain shown': '#8a8f98'}
_BLUE, _GREY = '#4c86c6', '#8a8f98'
_TEXT = '#010203'  # stands for the page's text colour until the SVG is written
_LABELLED = 20  # classes, up to which names are readable on the axes of a matrix
_LINE_POINTS = 300


@contextmanager
def _style(name: str):
    import matplotlib

    matplotlib.use('Agg')
    with matplotlib.rc_context({
            'svg.fonttype': 'none', 'svg.hashsalt': name, 'font.size': 10,
            'text.color': _TEXT, 'text.parse_math': False, 'axes.labelcolor': _TEXT,
            'xtick.labelcolor': _TEXT, 'ytick.labelcolor': _TEXT, 'xtick.color': _GREY, 'ytick.color': _GREY,
            'axes.edgecolor': _GREY, 'axes.spines.top': False, 'axes.spines.right': False, 'axes.titlesize': 10,
            'axes.titlelocation': 'left', 'axes.titleweight': 'bold', 'grid.color': _GREY, 'grid.alpha': 0.25,
            'figure.constrained_layout.use': True}):
        yield


def _svg(figure: Figure, description: str) -> Markup:
    """An inline <svg> without prolog, namespaces and time stamp."""
    import matplotlib.pyplot as plt

    stream = io.StringIO()
    width = figure.get_figwidth() * 96
    nothing = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
    figure.savefig(stream, format='svg', transparent=True, metadata=nothing)
    plt.close(figure)
    text = stream.getvalue()
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', '', text[text.index('<svg'):])
    head, body = text.split('>', 1)
    box = re.search(r'viewBox="[^"]*"', head)[0]
    text = (f'<svg {box} width="{width:.0f}" style="min-width:{min(width, 640):.0f}px" role="img" '
            f'aria-label="{escape(description)}">{body}')
    return Markup(text.replace(_TEXT, 'currentColor'))


def forest(table: Mapping) -> Markup:
    """Top-1 of every row with its interval, and beside it the difference to the reference: the answer at a glance."""
    import matplotlib.pyplot as plt

    rows, reference = table['rows'], next(row for row in table['rows'] if row['name'] == table['reference'])
    chance = 1 / len(table['classes'])
    with _style('forest'):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 1.3 + 0.42 * len(rows)), sharey=True,
                                             width_ratios=(1, 1.15))
        for y, row in enumerate(rows):
            difference = row['difference']
            colour = VERDICT_COLOURS[difference['verdict']] if difference else _BLUE
            left.plot([100 * value for value in row['top1_interval']], [y, y], color=colour, lw=2.5)
            left.plot(100 * row['top1'], y, 'o', color=colour, ms=7)
            for run in row['runs'].values():
                left.plot(100 * run['top1'], y + 0.22, '|', color=_GREY, ms=5)
            if difference:
                low, high = difference['interval']
                right.plot([100 * low, 100 * high], [y, y], color=colour, lw=2.5)
                right.plot(100 * difference['value'], y, 'o', color=colour, ms=7)
                words = f'{MARKS[difference["verdict"]]} {points(difference["value"])}  {difference["verdict"]}'
            else:
                words = 'reference'
            right.text(1.02, y, words, transform=right.get_yaxis_transform(), va='center', color=colour)
        left.axvline(100 * reference['top1'], color=_BLUE, lw=1, ls=':')
        left.axvline(100 * chance, color=_GREY, lw=1, ls='--')
        left.text(100 * chance, -0.62, ' chance', color=_GREY, fontsize=8, va='center')
        right.axvline(0, color=_BLUE, lw=1, ls=':')
        left.set(xlim=(0, 100), yticks=range(len(rows)), yticklabels=[fill(row['title'], 30) for row in rows],
                 ylim=(len(rows) - 0.5, -0.8), title='Top-1 on test, %')
        right.set(title='Difference to the reference, points')
        for axis in (left, right):
            axis.grid(axis='x')
            axis.tick_params(axis='y', length=0)
            axis.spines['left'].set_visible(False)
        return _svg(figure, 'Top-1 accuracy of every row with its 95 % interval, and the difference to the reference')


def _series(model: Model, key: str) -> tuple[list[int], list[float]]:
    rows = [row for row in model.metrics if key in row]
    if len(rows) > _LINE_POINTS:
        rows = [rows[i * (len(rows) - 1) // (_LINE_POINTS - 1)] for i in range(_LINE_POINTS)]
    return [row['step'] for row in rows], [row[key] for row in rows]


def _keys(models: list[Model]) -> tuple[list[str], list[str]]:
    """Names of the losses to draw (the total, or all parts where there is none) and of one validation metric."""
    names = list(dict.fromkeys(name for model in models for row in model.metrics for name in row))
    losses = ['loss'] if 'loss' in names else [name for name in names if 'loss' in name and not name.startswith('val/')]
    scores = [name for name in names if name.startswith('val/')]
    best = [name for name in scores if name.endswith(('top1', '/AP'))] or scores
    return losses, best[:1]


def curves(groups: Mapping[str, list[Model]], name: str) -> Markup | None:
    """Loss and validation metric of trainings, a line of panels per group; the group's seeds are thin lines.

    Args:
        groups: by title.
        name: of the figure.
    Returns:
        None where no training wrote a number.
    """
    import matplotlib.pyplot as plt

    losses, scores = _keys([model for models in groups.values() for model in models])
    panels = [keys for keys in (losses, scores) if keys]
    if not panels:
        return None
    with _style(name):
        size = (5.2 * len(panels), 0.5 + 1.55 * len(groups))
        figure, axes = plt.subplots(len(groups), len(panels), figsize=size, squeeze=False, sharex='row', sharey='col')
        for line, (title, models) in zip(axes, groups.items()):
            for axis, keys in zip(line, panels):
                for key, colour in zip(keys, (_BLUE, '#e08a00', '#2a9d5c', '#d1495b', *[_GREY] * len(keys))):
                    for i, model in enumerate(models):
                        axis.plot(*_series(model, key), color=colour, lw=1, alpha=0.8,
                                  label=key if len(keys) > 1 and not i else None)
                axis.set_title(f'{title}: {keys[0] if len(keys) == 1 else "losses"}')
                axis.grid()
                if len(keys) > 1:
                    axis.legend(frameon=False, fontsize=8)
        for axis in axes[-1]:
            axis.set_xlabel('iteration')
        return _svg(figure, f'Training curves: {", ".join(groups)}')


def confusion(classes: list[str], counts: list[list[int]], title: str) -> Markup:
    """Shares of each true class; names and numbers only where they can be read."""
    import matplotlib.pyplot as plt
    import numpy as np

    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    readable = len(classes) <= _LABELLED
    side = max(4.2, 0.42 * len(classes) + 2) if readable else 6.5
    with _style('confusion'):
        figure, axis = plt.subplots(figsize=(side + 0.8, side))
        cells = axis.pcolormesh(shares, cmap='Blues', vmin=0, vmax=1, rasterized=not readable, ec='face', lw=0.3)
        if readable:
            ticks = np.arange(len(classes)) + 0.5
            axis.set_xticks(ticks, classes, rotation=45, ha='right', rotation_mode='anchor')
            axis.set_yticks(ticks, classes)
            for (i, j), share in np.ndenumerate(shares):
                if counts[i, j]:
                    axis.text(j + 0.5, i + 0.5, percent(share, 0), ha='center', va='center', fontsize=8,
                              color='white' if share > 0.5 else '#222222')
        else:
            axis.set(xticks=[], yticks=[])
        axis.set(xlabel='predicted', ylabel='true', title=title, aspect='equal')
        axis.invert_yaxis()
        axis.tick_params(length=0)
        bar = figure.colorbar(cells, shrink=0.6, label='share of the true class')
        bar.outline.set_visible(False)
        return _svg(figure, f'Confusion matrix: {title}')
