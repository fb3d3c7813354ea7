"""The gate's sweep as a plot: what synthetic images bring, against the probability with which they enter."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from pipelines.reporting import figures

_COLOURS = {'use': figures.BETTER, 'harmful': figures.WORSE}
_WIDTH = 5.2  # inches, of a generator's panel


def plot(generators: Sequence[Mapping]) -> Markup:
    """A panel for each generator: gain in points of top-1 by p, with the simultaneous band.

    Args:
        generators: of gate.json, those with ``gains``.
    """
    import matplotlib.pyplot as plt

    with figures.style('gains'):
        figure, axes = plt.subplots(1, len(generators), figsize=(_WIDTH * max(1.4, len(generators)), 3), squeeze=False,
                                    sharey=True)
        for axis, one in zip(axes[0], generators):
            colour = _COLOURS.get(one['verdict'], figures.NONE)
            chances = [gain['percent'] / 100 for gain in one['gains']]
            low, high = zip(*([100 * end for end in gain['interval']] for gain in one['gains']))
            axis.fill_between([0, *chances], [0, *low], [0, *high], color=colour, alpha=0.2, lw=0)
            axis.plot([0, *chances], [0, *(100 * gain['value'] for gain in one['gains'])], 'o-', color=colour)
            axis.axhline(0, color=figures.TEXT, lw=1, ls=':')
            axis.set(title=f'{one["name"]}: {one["verdict"]}', xlabel='p: a real image gives way',
                     xticks=[0, *chances])
            axis.grid(axis='y')
        axes[0, 0].set_ylabel('gain, points of top-1')
        return figures.svg(figure, 'Gain of synthetic images by the probability with which they enter, with the band')
