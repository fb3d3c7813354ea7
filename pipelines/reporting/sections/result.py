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
        'An interval is a BCa bootstrap over the test images (10,000 resamples, seeds averaged first): how much the '
        'score would move with other test images of the same kind, not with other seeds or other training images. A '
        'row with every image right has no spread to resample: its interval is the point.',
        "A difference is resampled on the same images in both rows. p is McNemar's exact test on the majority vote of "
        "each row's seeds (ties: the higher mean softmax), so that each test image counts once, corrected by Holm for "
        'the number of rows compared.']
    return dict(table=table, best=best, titles={row['name']: row['title'] for row in table['rows']},
                forest=figures.forest(table), top5=len(table['classes']) >= TOP5_FROM,
                origin=crops.origin(found.content(CROP)), headline=verdicts.headline(table), notes=notes,
                facts=[(f'best top-1 ({best["title"]})', f'{words.percent(best["top1"])} %'), ('seeds', seeds)])


SECTION = Section(10, 'What helped, and how sure', (CLASSIFY,), render, also=(CROP,), short='Result')
