"""The table: what helped, by how much, and how surely."""
from __future__ import annotations

from collections.abc import Mapping

from pipelines.core import tables
from pipelines.reporting import figures, verdicts, words
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.sections import crops
from pipelines.reporting.stages import CLASSIFY, CROP, DETECT


def _notes(table: Mapping) -> list[str]:
    seeds, family = verdicts.seeds(table), table['family']
    alone = 'One seed per row: how much another would change is not known, and there is no verdict.'
    ever = ' ever made on this test split, those of earlier tables included' if table['split'] == 'test' else ''
    notes = [
        alone if seeds == 1 else f'{seeds} seeds per row. Every number is a mean over seeds and images.',
        'An interval (95 %) says how much a mean would move with other images of the same kind and with other seeds, '
        'not with other training images' + (' (one seed: with other images alone).' if seeds == 1 else '.'),
        *(['A change is compared image by image with the row that it is a change of. Its interval, p and verdict come '
           f'from one model and are corrected (Holm) for all comparisons{ever} ({family:,}).']
          if tables.compared(table) else []),
        'Macro F1 and balanced accuracy weigh every class alike; a class without images does not count.']
    return [*notes, reads] if (reads := verdicts.reads(table)) else notes


def render(found: Found) -> dict:
    table = found.content(CLASSIFY)
    row, seeds = verdicts.leading(table), verdicts.seeds(table)
    chosen = 'best on val' if table['headline'] else 'first row'
    return dict(table=table, leading=row, seeds=seeds, titles=verdicts.titles(table), forest=figures.forest(table),
                comparisons=verdicts.comparisons(table), compared=tables.compared(table),
                top5=len(table['classes']) >= tables.TOP5_FROM,
                repeated=[row for row in table['rows'] if row['seeds_counted'] < len(row['runs'])],
                origin=crops.origin(found.content(CROP), found.content(DETECT)), headline=verdicts.headline(table),
                notes=_notes(table), facts=[
                    (f'{chosen}, top-1 on {table["split"]}', f'{words.percent(row["top1"])} %'), ('seeds', seeds)])


SECTION = Section(10, 'What helped, and how sure', (CLASSIFY,), render, also=(CROP, DETECT), short='Result')
