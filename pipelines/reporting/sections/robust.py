"""How rows break: attacks, corruptions, calibration, detail sizes, surroundings, certificates and bounds."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.reporting import cards
from pipelines.reporting.found import Found, Result
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CLASSIFY

ROBUST = Result('robust', ('robust/*/card.json',), (
    'row', 'title', 'split', 'seeds', 'classes', 'images', 'of', 'attacks', 'corruptions', 'calibration', 'shift',
    'bands', 'background', 'certified', 'lipschitz'), 'pipelines.robust', 'python -m pipelines.robust --work WORK')
_THREAT = ('The attacker knows the network and changes its input, after resizing and padding, grey borders included, '
           'by at most the radius. Each attack works on the images that weaker ones left, so that an image that any of '
           'them broke counts as broken.')


def render(found: Found) -> dict:
    table = found.content(CLASSIFY)
    order = [row['name'] for row in table['rows']] if table else []
    results = sorted(found.all(ROBUST), key=lambda one: order.index(one.name) if one.name in order else len(order))
    shown = [one.content for one in results]

    def having(part: str) -> list[dict]:
        return [card for card in shown if card[part]]

    attacked, sure, safe = having('attacks'), having('calibration'), having('certified')
    return dict(
        cards=shown, threat=_THREAT, split=shown[0]['split'], attacked=attacked, corrupted=having('corruptions'),
        calibrated=sure, banded=having('bands'), shifted=having('shift'), surroundings=having('background'),
        certified=safe,
        sloped=having('lipschitz'),
        curve=cards.under_attack(attacked) if attacked else None,
        trade=cards.trade_off(attacked) if len(attacked) > 1 else None, measures=side_by_side(shown),
        reliability=cards.reliability(sure) if sure else None, certain=cards.certain(safe) if safe else None,
        variants=list(dict.fromkeys(name for card in having('background') for name in card['background']['variants'])),
        groups=list(dict.fromkeys(name for card in having('corruptions') for name in card['corruptions']['groups'])))


def side_by_side(shown: Sequence[Mapping]) -> list[dict[str, Any]]:
    """The measures of robustness by row, each with the row's place among all: whether they agree."""
    found = [dict(title=card['title'], clean=card['attacks'] and card['attacks']['clean']['accuracy']['value'],
                  **{name: _value(said) for name, said in cards.measures(card).items()}) for card in shown]
    for name in ('clean', 'attacked', 'corrupted'):
        values = sorted((row[name] for row in found if row[name] is not None), reverse=True)
        for row in found:
            row[f'{name}_place'] = values.index(row[name]) + 1 if row[name] is not None else None
    return found


def _value(said: Any) -> float | None:
    if isinstance(said, Mapping):
        value: float = said.get('accuracy', said)['value']
        return value
    return said


SECTION = Section(26, 'How the rows break', (ROBUST,), render, also=(CLASSIFY,), optional=True, short='Robustness')
