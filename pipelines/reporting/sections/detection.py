"""The detector, and how well its boxes fit."""
from __future__ import annotations

from pipelines.reporting import pictures, words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import DETECT


def render(found: Found) -> dict:
    result = found.one(DETECT)
    splits, facts = result.content['splits'], []
    if 'test' in splits:
        facts.append(('boxes right on test', f'{words.percent(splits["test"]["localisation_accuracy"])} %'))
    sheets = {kind: pictures.sheet(result.path.with_name(f'sheet_{kind}.jpg'), 'detect') for kind in ('best', 'worst')}
    return dict(metrics=result.content, sheets=sheets, facts=facts)


SECTION = Section(40, 'Detection', (DETECT,), render)
