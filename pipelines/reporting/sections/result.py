"""The table: what helped, by how much, and how surely."""
from __future__ import annotations

from pipelines.reporting import figures, verdicts, words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.sections import crops
from pipelines.reporting.stages import CLASSIFY, CROP

TOP5_FROM = 6  # classes: with fewer every answer is among the first five


def render(found: Found) -> dict:
    table = found.content(CLASSIFY)
    best, seeds = verdicts.best(table), verdicts.seeds(table)
    notes = [
        f'{seeds} seed{"" if seeds == 1 else "s"} per row'
        + (': how much another seed would change is not known' if seeds == 1 else '')
        + '. Scores are averaged over seeds.',
        'An interval says how much the mean would move with other images of the same kind and with other seeds, not '
        'with other training images' + (' (with one seed: other images alone).' if seeds == 1 else '.'),
        'A difference is taken image by image. Its interval and p are of one model (docs/statistics.md) and are '
        f'corrected by Holm for the {table["family"]} comparisons that were ever made on this test split.']
    return dict(table=table, best=best, titles={row['name']: row['title'] for row in table['rows']},
                forest=figures.forest(table), top5=len(table['classes']) >= TOP5_FROM,
                origin=crops.origin(found.content(CROP)), headline=verdicts.headline(table), notes=notes,
                facts=[(f'best top-1 ({best["title"]})', f'{words.percent(best["top1"])} %'), ('seeds', seeds)])


SECTION = Section(10, 'What helped, and how sure', (CLASSIFY,), render, also=(CROP,), short='Result')
