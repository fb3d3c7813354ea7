"""What convert made of the raw data."""
from __future__ import annotations

from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CONVERT

_NAMES = {'dogs': 'stanford_dogs', 'cub': 'cub'}  # summaries without a layout
NOTES = {
    'stanford_dogs': 'The images of Stanford Dogs come from ImageNet. Weights pretrained on ImageNet have probably '
                     'seen these images, test ones too, with their breeds: the accuracy of a fine-tuned row is too '
                     'good for dogs that are new.',
    'cub': 'The authors of CUB-200-2011 warn that some of its images are in ImageNet too: weights pretrained there may '
           'have seen test images.'}
_DROPPED = 5  # shown by name


def layout(summary: dict) -> str | None:
    """Which official set, or which way of laying out one's own, the raw data were read as; None: not known."""
    return summary.get('layout') or _NAMES.get(summary['dataset'])


def _drawn(summary: dict) -> bool:
    """The toys come in the official layouts, but nobody has seen their images."""
    return summary['dataset'].startswith('toy-')


def render(found: Found) -> dict:
    summary = found.content(CONVERT)
    splits, classes = summary['splits'], summary['classes']
    facts = [('images', f'{sum(split["images"] for split in splits.values()):,}'),
             ('classes', classes if isinstance(classes, int) else len(classes))]
    if 'test' in splits:
        facts.append(('test images', f'{splits["test"]["images"]:,}'))
    note = None if _drawn(summary) else NOTES.get(layout(summary))
    return dict(splits=splits, dropped=summary['dropped'], named=summary['dropped'][:_DROPPED],
                layout=summary.get('layout'), facts=facts, notes=[note] if note else [])


SECTION = Section(30, 'Data', (CONVERT,), render)
