"""The figures of `make robust`: accuracy under attack, the trade-off with clean accuracy, reliability, corruptions."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipelines.reporting.figures import GREY, LINE, TEXT, style, svg

COLOURS = (LINE, '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8a8f98')  # Okabe and Ito
SIGNS = 'osD^vPX'
_SHOWN = 4 / 255  # the radius of the trade-off


def strongest(level: Mapping) -> Mapping:
    """The last attack of a radius: after all that are weaker."""
    found: Mapping = level['attacks'][-1]
    return found


def _levels(card: Mapping, norm: str) -> list[Mapping]:
    return [level for level in card['attacks']['levels'] if level['norm'] == norm]


def _signs(cards: Sequence[Mapping]) -> list[tuple[Mapping, str, str]]:
    return [(card, COLOURS[i % len(COLOURS)], SIGNS[i % len(SIGNS)]) for i, card in enumerate(cards)]


def under_attack(cards: Sequence[Mapping]) -> Markup:
    """Accuracy by radius, under Linf and L2, with intervals."""
    import matplotlib.pyplot as plt

    with style('under-attack'):
        figure, axes = plt.subplots(1, 2, figsize=(10.4, 3.9), sharey=True)
        for axis, norm, unit, title in ((axes[0], 'linf', 255, 'Radius under Linf, / 255'),
                                        (axes[1], 'l2', 1, 'Radius under L2, of pixels in [0, 1]')):
            for number, (card, colour, sign) in enumerate(_signs(cards)):
                points = [(0., card['attacks']['clean']['accuracy'])] + [
                    (level['eps'] * unit, strongest(level)['accuracy']) for level in _levels(card, norm)]
                x = [at + (number - len(cards) / 2) * 0.012 * points[-1][0] for at, _ in points]
                axis.errorbar(x, [100 * one['value'] for _, one in points], yerr=_ends([one for _, one in points]),
                              color=colour, marker=sign, ms=6, lw=1.3, elinewidth=0.8, label=card['title'])
            axis.set(xlabel=title, ylim=(0, 100))
            axis.grid()
        axes[0].set_ylabel('Accuracy under the strongest attack, %')
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=2, frameon=False)
        return svg(figure, 'Accuracy of every row by the radius of attacks')


def _ends(said: Sequence[Mapping]) -> list[list[float]]:
    return [[max(0., 100 * (one['value'] - one['interval'][0])) for one in said],
            [max(0., 100 * (one['interval'][1] - one['value'])) for one in said]]


def measures(card: Mapping) -> dict[str, Any]:
    """The measures of robustness of one row, side by side: each a share, or None where it was not measured."""
    levels = _levels(card, 'linf') if card['attacks'] else []
    level = next((one for one in levels if abs(one['eps'] - _SHOWN) < 1e-9), None)
    certain = card['certified']
    return {'attacked': strongest(level) if level else None,
            'corrupted': card['corruptions'] and card['corruptions']['mean'],
            'certified': certain and certain['accuracy'][1]}


def trade_off(cards: Sequence[Mapping]) -> Markup:
    """Clean accuracy against accuracy under attack (4/255) and on corrupted images."""
    import matplotlib.pyplot as plt

    with style('trade-off'):
        figure, axes = plt.subplots(1, 2, figsize=(10.4, 4.2), sharey=True)
        for axis, name, title in ((axes[0], 'attacked', 'Accuracy under attack of 4/255, %'),
                                  (axes[1], 'corrupted', 'Accuracy on corrupted images, %')):
            for card, colour, sign in _signs(cards):
                if not card['attacks'] or not (found := measures(card)[name]):
                    continue
                found, clean = found.get('accuracy', found), card['attacks']['clean']['accuracy']
                axis.errorbar([100 * found['value']], [100 * clean['value']], xerr=_ends([found]), yerr=_ends([clean]),
                              color=colour, marker=sign, ms=9, lw=0, elinewidth=1, label=card['title'])
            axis.set(xlabel=title, ylim=(0, 100))
        _finish(figure, axes, 'Clean accuracy, %', GREY)
        return svg(figure, 'Clean against robust accuracy of every row')


def _finish(figure: Any, axes: Any, left: str, colour: str) -> None:
    """Two panels of percent against percent: the diagonal, one label on the left, one legend below both."""
    for axis in axes:
        axis.plot([0, 100], [0, 100], ls=':', lw=1, color=colour)
        axis.set_xlim(0, 100)
        axis.grid()
    axes[0].set_ylabel(left)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=2, frameon=False)


def reliability(cards: Sequence[Mapping]) -> Markup:
    """Accuracy by confidence, of every row's first seed; plain, and at the temperature that val chose."""
    import matplotlib.pyplot as plt

    with style('reliability'):
        figure, axes = plt.subplots(1, 2, figsize=(10.4, 4.2), sharey=True)
        for axis, kind, title in ((axes[0], 'plain', 'As trained'), (axes[1], 'scaled', "At val's temperature")):
            for card, colour, sign in _signs(cards):
                bins = next(iter(card['calibration'].values()))[kind]['bins']
                axis.plot([100 * one['confidence'] for one in bins], [100 * one['accuracy'] for one in bins],
                          color=colour, marker=sign, ms=5, lw=1.2, label=card['title'])
            axis.set(xlabel='Confidence, %', ylim=(0, 100), title=title)
        _finish(figure, axes, 'Right answers, %', TEXT)
        return svg(figure, 'Share of right answers by confidence')


def certain(cards: Sequence[Mapping]) -> Markup:
    """Certified accuracy by radius."""
    import matplotlib.pyplot as plt

    with style('certified'):
        figure, axis = plt.subplots(figsize=(6.4, 3.4))
        for card, colour, _ in _signs(cards):
            said = card['certified']
            axis.step([0, *said['radii'][1:]], [100 * share for share in said['accuracy']], where='post', color=colour,
                      label=f'{card["title"]} (sigma {said["sigma"]:g})')
        axis.set(xlabel='Radius under L2, of pixels in [0, 1]', ylabel='Certified accuracy, %', ylim=(0, 100))
        axis.grid()
        axis.legend(frameon=False)
        return svg(figure, 'Certified accuracy by radius')
