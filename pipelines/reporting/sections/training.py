"""How the trainings went: loss, and what was measured on val."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.reporting import figures
from pipelines.reporting.found import Found, Model, Result
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CLASSIFY, DETECT, SYNTH

_STAGES = {DETECT: 'Detection', SYNTH: 'Synthetic images', CLASSIFY: 'Classification'}


def shown(found: Found) -> list[Model]:
    """The trainings that the results were made with; those of other configs, rows and seeds are kept beside them."""
    return [model for model in found.models if _is_part(model, found)]


def _rows(table: Mapping) -> list[Mapping]:
    """Those of the table, and those that they start from."""
    return [*table['rows'], *table.get('starts', ())]


def _is_part(model: Model, found: Found) -> bool:
    name = model.name.rpartition('/')[2]
    if model.stage == CLASSIFY.stage:
        table = found.content(CLASSIFY)
        return table is None or any(f'{row["name"]}-seed{seed}' == name for row in _rows(table)
                                    for seed in row.get('runs', table['seeds']))
    kind = next((kind for kind in _STAGES if kind.stage == model.stage), None)
    if not kind:  # an analysis shows its own
        return False
    results = found.all(kind)
    return not results or any(name in (one.name, Path(one.content['config'] or '').stem) for one in results)


def _groups(found: Found, titles: Mapping[str, str], kind: Result) -> dict[str, list[Model]]:
    """A stage's trainings by title, in the table's order."""
    groups: dict[str, list[Model]] = {title: [] for title in titles.values()} if kind is CLASSIFY else {}
    for model in shown(found):
        if model.stage == kind.stage:
            groups.setdefault(titles.get(model.row, model.row), []).append(model)
    return {title: models for title, models in groups.items() if models}


def render(found: Found) -> dict:
    titles = {row['name']: row['title'] for row in _rows(found.content(CLASSIFY) or {'rows': []})}
    curves = []
    for kind, title in _STAGES.items():
        groups = _groups(found, titles, kind)
        curves.append(dict(title=title, stage=kind.stage,
                           figure=figures.curves(groups, f'curves-{kind.stage}') if groups else None))
    return dict(curves=curves)


SECTION = Section(70, 'Training', (), render, also=(DETECT, SYNTH, CLASSIFY))
