"""What each network costs: parameters, operations, and images a second where they were measured."""
from __future__ import annotations

from pipelines.core import tables
from pipelines.reporting.found import Found
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CLASSIFY


def render(found: Found) -> dict:
    table = found.content(CLASSIFY)
    measured = {model.row: model.cost for model in found.models if model.stage == CLASSIFY.stage and model.cost}
    rows = [dict(title=row['title'], cost=row['cost'], top1=row['top1'], speed=measured.get(row['name']))
            for row in table['rows'] if row.get('cost')]
    machines = list(dict.fromkeys(tables.machine(row['speed']) for row in rows if row['speed']))
    return dict(table=table, rows=rows, machines=machines, machine=tables.machine, millions=tables.millions)


SECTION = Section(25, 'What each network costs', (CLASSIFY,), render, short='Cost')
