"""Whether synthetic images may enter the training sets: a verdict for each generator, the sweep, and the figures."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.core import seconds, workspace
from pipelines.reporting import gains
from pipelines.reporting.found import Found, Result
from pipelines.reporting.section import Section
from pipelines.reporting.sections import synthesis
from pipelines.reporting.words import listing, percent, points, times

GATE = Result('gate', ('gate/gate.json',), (
    'classes', 'let_in', 'generators', 'recipe', 'kind', 'seeds', 'probabilities', 'trained'), 'pipelines.gate',
    'python -m pipelines.gate --data WORK --out {folder}', beside=(f'../.gate.{seconds.SIDE}',))
_SHOWN = ('sharpness', 'one_nn', 'kid', 'copies', 'coverage', 'recognised', 'as_test', 'as_train')
MEANING = {'use': 'let in', 'harmful': 'kept out: they cost accuracy', 'undecided': 'kept out: no gain is shown',
           'collapsed': 'kept out: they are not like real images', 'copying': 'kept out: they copy train images'}


def sentence(content: Mapping) -> str:
    """The answer in a sentence."""
    used = [one for one in content['generators'] if one['verdict'] == 'use']
    if used:
        parts = [f'{one["name"]} ({points(best["value"])} points, in place of {best["percent"]} % of the real images)'
                 for one in used for best in [max((gain for gain in one['gains'] if gain['interval'][0] > 0),
                                                  key=lambda gain: gain['value'])]]
        return f'Synthetic images help: {listing(parts)}.'
    return 'No synthetic images are let in: ' + '; '.join(
        f'{one["name"]} is {one["verdict"]}' for one in content['generators']) + '.'


def _figures(content: Mapping) -> dict[str, Any]:
    """The check table: a column for each generator behind that of held-out real images."""
    first = content['generators'][0]['figures']
    reference = next(iter(first['rows']))
    rows = {reference: first['rows'][reference]} | {one['name']: one['figures']['rows']['synthetic']
                                                    for one in content['generators']}
    names = {name for key, name, *_ in synthesis.CHECKS if key in _SHOWN}
    return dict(heads=list(rows), space=first['feature_space'],
                checks=[check for check in synthesis.table(rows) if check['name'] in names])


def render(found: Found) -> dict:
    content = found.content(GATE)
    spent = seconds.read(found.root / workspace.STAGES['gate'].name)
    judged = [one for one in content['generators'] if one['gains']]
    kept = [one for one in content['generators'] if one['kept']]
    return dict(
        gate=content, sentence=sentence(content), figures=_figures(content), meaning=MEANING,
        plot=gains.plot(judged) if judged else None,
        sweep=[dict(name=one['name'], **gain) for one in judged for gain in one['gains']], power=_powers(judged),
        kept=[dict(name=one['name'], share=percent(one['kept']['kept']), top_k=one['kept']['top_k']) for one in kept],
        by_class=list(zip(content['classes'], zip(*([percent(share) for share in one['kept']['by_class']]
                                                    for one in kept)))),
        spent=f'{times(spent["counts"]["trainings"], "training")}, {spent["trainings"]:,.0f} s of training in all'
        if spent.get('counts', {}).get('trainings') else '')


def _powers(judged: list[Mapping]) -> list[str]:
    """What could have been seen: a sentence for all, where they were judged together."""
    by_text: dict[str, list[str]] = {}
    for one in judged:
        by_text.setdefault(one['power'], []).append(one['name'])
    return [text if len(by_text) == 1 else f'{listing(names)}: {text}' for text, names in by_text.items()]


SECTION = Section(58, 'Do synthetic images help?', (GATE,), render, optional=True, short='Gate')
