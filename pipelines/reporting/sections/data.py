"""What convert made of the raw data."""
from __future__ import annotations

from pipelines.reporting import words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CONVERT

NOTES = {  # by layout
    'stanford-dogs': 'The images of Stanford Dogs come from ImageNet. Weights pretrained on ImageNet have probably '
                     'seen these images, test ones too, with their breeds: the accuracy of a fine-tuned row is too '
                     'good for dogs that are new.',
    'cub': 'The authors of CUB-200-2011 warn that some of its images are in ImageNet too: weights pretrained there may '
           'have seen test images.'}
_DROPPED = 5  # shown by name


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
    note = None if _drawn(summary) else NOTES.get(summary['layout'])
    return dict(splits=splits, origin=origin(summary), dropped=summary['dropped'], named=summary['dropped'][:_DROPPED],
                remarks=summary['remarks'], duplicates=summary['duplicates'], layout=summary['layout'],
                facts=facts, notes=[note] if note else [])


def origin(summary: dict) -> str:
    """Where the splits came from, as a sentence."""
    drawn = [split for split in summary['splits'] if split in summary['drawn']]
    given = [split for split in summary['splits'] if split not in drawn]
    sentences = [f'As the dataset gives them: {words.listing(given)}.'] if given else []
    if drawn:
        sentences.append(f'Drawn from the train images, class by class, by the seed: {words.listing(drawn)} '
                         '(splits.csv in convert/ says which).')
    return ' '.join([*sentences, 'val is there to choose epochs on, test for the final figures.'])


SECTION = Section(30, 'Data', (CONVERT,), render)
