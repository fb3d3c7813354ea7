"""Test images that rows may have seen before, and accuracy on the others."""
from __future__ import annotations

from pipelines.reporting.found import Found, Result
from pipelines.reporting.section import Section

LEAKS = Result('audit-leaks', ('audit-leaks/leaks.json',), ('split', 'images', 'leaked', 'sources', 'rows'),
               'pipelines.audit_leaks', 'python -m pipelines.audit_leaks --work WORK', by_input=(
                   ('imagenet ids', '--imagenet-ids FILE'), ('against', '--against FOLDER')))
_WORDS = {'imagenet': 'in the list of ImageNet, by name',
          'splits': 'in another split, too, as a copy or near duplicate',
          'against': 'in the folder that was named, by perceptual hash'}


def render(found: Found) -> dict:
    said = found.content(LEAKS)
    return dict(leaks=said, sources=[(_WORDS[name], one) for name, one in said['sources'].items()],
                asked='imagenet' in said['sources'] or 'against' in said['sources'])


SECTION = Section(34, 'Seen before?', (LEAKS,), render, optional=True, short='Leaks')
