"""The page's plots: matplotlib, as SVG that goes into the page and takes its text colour from it."""
from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING

from markupsafe import Markup

from pipelines.reporting import verdicts
from pipelines.reporting.found import Model
from pipelines.reporting.words import MARKS, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stand for the page's colours, light or dark, until the SVG is written.
TEXT, BETTER, WORSE, NONE, LINE = (f'#01020{number}' for number in range(3, 8))
_ON_PAGE = {TEXT: 'currentColor', BETTER: 'var(--better)', WORSE: 'var(--worse)', NONE: 'var(--none)',
            LINE: 'var(--accent)'}
VERDICT_COLOURS = {'better': BETTER, 'worse': WORSE, 'no gain shown': NONE, 'one seed: no verdict': NONE}
GREY = '#8a8f98'
_SERIES = (LINE, '#e69f00', '#009e73', '#cc79a7', '#56b4e9')  # Okabe and Ito's: told apart by the colour-blind, too
_LINE_POINTS = 300
_COLUMNS = 2  # of groups side by side, where there are many
_WIDTH = 10.4  # inches


@contextmanager
def style(name: str) -> Iterator[None]:
    import matplotlib

    matplotlib.use('Agg')
    with matplotlib.rc_context({
            'svg.fonttype': 'none', 'svg.hashsalt': name, 'font.size': 10,
            'text.color': TEXT, 'text.parse_math': False, 'axes.labelcolor': TEXT,
            'xtick.labelcolor': TEXT, 'ytick.labelcolor': TEXT, 'xtick.color': GREY, 'ytick.color': GREY,
            'axes.edgecolor': GREY, 'axes.spines.top': False, 'axes.spines.right': False, 'axes.titlesize': 10,
            'axes.titlelocation': 'left', 'axes.titleweight': 'bold', 'grid.color': GREY, 'grid.alpha': 0.25,
            'figure.constrained_layout.use': True}):
        yield


def svg(figure: Figure, description: str, *, shrink: bool = True) -> Markup:
    """An inline <svg> without prolog, namespaces and time stamp, in the page's colours.

    Args:
        shrink: on a narrow page; otherwise the page scrolls.
    """
    import matplotlib.pyplot as plt

    stream = io.StringIO()
    width = figure.get_figwidth() * 96
    nothing = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
    figure.savefig(stream, format='svg', transparent=True, metadata=nothing)
    plt.close(figure)
    text = stream.getvalue()
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', '', text[text.index('<svg'):])
    head, body = text.split('>', 1)
    box = ''.join(re.findall(r'viewBox="[^"]*"', head))
    text = (f'<svg {box} width="{width:.0f}" style="min-width:{min(width, 640) if shrink else width:.0f}px" role="img" '
            f'aria-label="{escape(description)}">{body}')
    for colour, on_page in _ON_PAGE.items():
        text = text.replace(colour, on_page)
    return Markup(text)


def forest(table: Mapping) -> Markup:
    """Top-1 of every row with its interval, and beside it what its change brings: the answer at a glance."""
    import matplotlib.pyplot as plt

    rows, reference = table['rows'], next(row for row in table['rows'] if row['name'] == table['reference'])
    with style('forest'):
        figure, (left, right) = plt.subplots(1, 2, figsize=(_WIDTH, 1.3 + 0.5 * len(rows)), sharey=True,
                                             width_ratios=(1, 1.15))
        for y, row in enumerate(rows):
            colour = VERDICT_COLOURS[row['change']['verdict']] if row['change'] else TEXT
            _mean(left, y, row['top1'], row['top1_interval'], colour)
            for run in row['runs'].values():
                left.plot(100 * run['top1'], y + 0.22, '|', color=GREY, ms=5)
            if row['val'] and table['split'] == 'test':
                left.plot(100 * row['val']['top1'], y, 'D', mec=colour, mfc='none', ms=6)
            if row['change']:
                _mean(right, y, row['change']['value'], row['change']['interval_holm'], colour)
            right.text(1.02, y, _said(table, row), transform=right.get_yaxis_transform(), va='center', color=colour)
        chance = 100 / len(table['classes'])
        left.axvline(100 * reference['top1'], color=TEXT, lw=1, ls=':')
        left.axvline(chance, color=GREY, lw=1, ls='--')
        left.text(chance, -0.62, ' chance', color=GREY, fontsize=8, va='center')
        right.axvline(0, color=TEXT, lw=1, ls=':')
        left.set(xlim=(0, 100), yticks=range(len(rows)), yticklabels=[fill(row['title'], 30) for row in rows],
                 ylim=(len(rows) - 0.5, -0.8), title=f'Top-1 on {table["split"]}, %')
        right.set(title='What the change brings, points')
        for axis in (left, right):
            axis.grid(axis='x')
            axis.tick_params(axis='y', length=0)
            axis.spines['left'].set_visible(False)
        return svg(figure, 'Top-1 accuracy of every row with its 95 % interval, and what each change brings')


def _mean(axis: Axes, y: int, value: float, interval: Sequence[float] | None, colour: str) -> None:
    """A share as a dot, its interval, where there is one, as a line."""
    if interval:
        axis.plot([100 * end for end in interval], [y, y], color=colour, lw=2.5)
    axis.plot(100 * value, y, 'o', color=colour, ms=7)


def _said(table: Mapping, row: Mapping) -> str:
    """The verdict beside a row, and what it is against where that is not the first row."""
    change = row['change']
    if not change:
        return 'reference' if row['name'] == table['reference'] else 'what it changes is not in the table'
    words = f'{MARKS[change["verdict"]]} {points(change["value"])}  {change["verdict"]}'
    if change['reference'] != table['reference']:
        words += '\n' + fill(f'against {verdicts.titles(table)[change["reference"]]}', 34)
    return words


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


def _label(key: str) -> str:
    """``val/accuracy/top1`` -> top1 on val"""
    return f'{key.rpartition("/")[2]} on val' if key.startswith('val/') else key


def _panel(axis: Axes, title: str, keys: list[str], models: list[Model]) -> None:
    for key, colour in zip(keys, (*_SERIES, *[GREY] * len(keys))):
        for i, model in enumerate(models):
            steps, values = _series(model, key)
            axis.plot(steps, values, color=colour, lw=1, alpha=0.8, marker='o' if len(steps) == 1 else None, ms=4,
                      label=_label(key) if len(keys) > 1 and not i else None)
    axis.set_title(f'{fill(title, 30)}\n{_label(keys[0]) if len(keys) == 1 else "losses"}')
    axis.grid()
    if len(keys) > 1:
        axis.legend(frameon=False, fontsize=8)


def curves(groups: Mapping[str, list[Model]], name: str) -> Markup | None:
    """Loss and validation metric of trainings, side by side for each group; the group's seeds are thin lines.

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
    beside = _COLUMNS if len(groups) > _COLUMNS else 1
    lines = -(-len(groups) // beside)
    with style(name):
        figure, axes = plt.subplots(lines, beside * len(panels), squeeze=False,
                                    figsize=(_WIDTH / 2 * len(panels), 0.4 + 1.75 * lines))
        spots = axes.reshape(-1, len(panels))
        for line, (title, models) in zip(spots, groups.items()):
            for axis, keys in zip(line, panels):
                _panel(axis, title, keys, models)
        for axis in spots[len(groups):].flat:
            axis.set_axis_off()
        for number in range(len(panels)):  # what is measured alike has one scale
            column = [line[number] for line in spots[:len(groups)]]
            for axis in column[1:]:
                axis.sharey(column[0])
            column[0].autoscale(axis='y')
        return svg(figure, f'Training curves: {", ".join(groups)}')
