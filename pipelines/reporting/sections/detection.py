"""The detector, or where the boxes come from in place of one, and how well they fit."""
from __future__ import annotations

from pipelines.reporting import pictures, words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import DETECT

_ORIGINS = {'given': 'The boxes are given in a file:',
            'transferred': 'The boxes are found by the detector of another run:'}


def render(found: Found) -> dict:
    result = found.one(DETECT)
    splits, facts = result.content['splits'], []
    if 'localisation_accuracy' in splits.get('test', {}):
        facts.append(('boxes right on test', f'{words.percent(splits["test"]["localisation_accuracy"])} %'))
    sheets = {kind: pictures.sheet(result.path.with_name(f'sheet_{kind}.jpg'), 'detect') for kind in ('best', 'worst')}
    return dict(metrics=result.content, origin=_ORIGINS.get(result.content.get('box_source'), ''), sheets=sheets,
                facts=facts)


SECTION = Section(40, 'Detection', (DETECT,), render)
