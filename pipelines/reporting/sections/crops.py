"""The crops, and where their boxes came from."""
from __future__ import annotations

from collections.abc import Mapping

from pipelines.reporting import pictures, words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CROP

SOURCES = {'gt': 'annotation', 'det': 'detector', 'given': 'given in a file', 'transferred': 'detector of another run',
           'fallback': 'nothing found: whole image', 'none': 'no boxes at all: whole image'}
_ALWAYS = ('gt', 'det', 'fallback')
_BOXES = {'gt': 'annotated', 'det': 'detected'}


def origin(crop: Mapping | None) -> str:
    """Where the boxes came from, as a sentence for the captions of tables; empty where it is not known."""
    boxes = (crop or {}).get('parameters', {}).get('boxes')
    if not boxes:
        return ''
    by_source: dict[str, list[str]] = {}
    for split, source in boxes.items():
        by_source.setdefault(_BOXES.get(source, source), []).append(split)
    parts = [f'{source} boxes on {words.listing(splits)}' for source, splits in by_source.items()]
    return f'Crops follow {words.listing(parts)}.'


def render(found: Found) -> dict:
    result = found.one(CROP)
    samples = pictures.crop_samples(result.path.parent)
    counts = result.content['mode_counts']
    sources = {source: name for source, name in SOURCES.items()
               if source in _ALWAYS or any(source in split for split in counts.values())}
    return dict(counts=counts, sources=sources, origin=origin(result.content),
                options=result.content['parameters'], samples=[row for row in samples if not row['fault']],
                faults=[row['fault'] for row in samples if row['fault']])


SECTION = Section(50, 'Crops', (CROP,), render)
