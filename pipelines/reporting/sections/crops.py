"""The crops, and where their boxes came from."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from pipelines.reporting import pictures, words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CROP, DETECT

SOURCES = {'gt': 'annotation', 'det': 'detector', 'given': 'given in a file', 'transferred': 'detector of another run',
           'fallback': 'nothing found: whole image', 'none': 'no boxes at all: whole image'}
_ALWAYS = ('gt', 'det', 'fallback')
_BOXES = {'gt': 'annotated boxes', 'det': 'detected boxes', 'given': 'boxes given in a file',
          'transferred': "boxes of another run's detector"}


def origin(crop: Mapping | None, detect: Mapping | None = None) -> str:
    """Where the boxes came from, as a sentence for the captions of tables; empty where it is not known.

    Args:
        crop: its summary.
        detect: the detector's metrics.
    """
    by_source: dict[str, list[str]] = {}
    for split, counts in (crop or {}).get('mode_counts', {}).items():
        for source in _BOXES:
            if counts.get(source):
                by_source.setdefault(source, []).append(split)
    if not by_source:
        return ''
    parts = [f'{_BOXES[source]} on {words.listing(splits)}' for source, splits in by_source.items()]
    config = (detect or {}).get('config')
    detector = f' (detector: {PurePath(config).stem})' if 'det' in by_source and config else ''
    annotated = [kind for kind in crop['parameters'].get('kinds', ()) if kind.endswith('-gt')]
    return f'Crops follow {words.listing(parts)}{detector}.' + (
        f' Those of {words.listing(annotated)} follow annotated boxes on all splits.' if annotated else '')


def render(found: Found) -> dict:
    result = found.one(CROP)
    samples = pictures.crop_samples(result.path.parent)
    counts = result.content['mode_counts']
    sources = {source: name for source, name in SOURCES.items()
               if source in _ALWAYS or any(source in split for split in counts.values())}
    return dict(counts=counts, sources=sources, origin=origin(result.content, found.content(DETECT)),
                samples=[row for row in samples if not row['fault']],
                faults=[row['fault'] for row in samples if row['fault']])


SECTION = Section(50, 'Crops', (CROP,), render, also=(DETECT,))
