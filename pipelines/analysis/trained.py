"""Which trained rows an analysis looks into: those of classify's table, checked to be what lies there."""
from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import json_files, manifest
from pipelines.core.arguments import a_seed, whole
from pipelines.core.errors import InputError
from pipelines.core.rows import CONFIGS, Images, Row
from pipelines.core.workspace import Workspace
from pipelines.openmm.engine import config_files
from pipelines.runs import Run


@dataclass(frozen=True)
class Trained:
    """One row.

    Args:
        title: as the table shows it.
        runs: by seed.
        split: that the table was made of: test, or val while test is kept shut.
    """
    title: str
    runs: tuple[Run, ...]
    split: str

    @property
    def name(self) -> str:
        return self.runs[0].row.name

    def inputs(self) -> dict[str, Path]:
        """What every analysis of the row depends on."""
        work, found = self.runs[0].work, dict[str, Path]()
        for run in self.runs:
            found |= {f'models/classify/{run.name}/{name}': run.folder / name for name in ('model.pth', 'config.py')}
        return {**found, **self.runs[0].inputs(self.split),
                f'convert/{self.split}.json': work / 'convert' / f'{self.split}.json'}

    def parameters(self) -> dict[str, Any]:
        return dict(rows=[self.name], split=self.split, seeds=[run.seed for run in self.runs])


def table(work: Path) -> dict[str, Any]:
    """classify's.

    Raises:
        InputError: there is none.
    """
    path = Workspace(work).folder('classify') / 'table.json'
    try:
        found: dict[str, Any] = json_files.read(path)
        return found
    except (FileNotFoundError, ValueError):
        raise InputError(path, expected='a table of trained rows', found='none', remedy='run make classify first'
                         ) from None


def rows(work: Path, names: list[str] | None = None, seeds: list[int] | None = None, most_seeds: int | None = None
         ) -> list[Trained]:
    """The rows of the table, or those that are named.

    Args:
        seeds: to look into; None: all that the table has, at most ``most_seeds``.
    Raises:
        InputError: no table, a row or a seed that it has not, or results that were made of other states.
    """
    content = table(work)
    known = {row['name']: row for row in content['rows']}
    found = []
    for row in [Row.parse(name) for name in names] if names else [_row(one) for one in content['rows']]:
        if row.name not in known:
            raise InputError('--rows', expected=f'rows of the table: {", ".join(known)}', found=row.name,
                             remedy='train it first: make classify ROWS="..."')
        chosen = seeds or content['seeds'][:most_seeds]
        if lacking := sorted({*chosen} - {*map(int, known[row.name]['runs'])}):
            raise InputError('--seeds', found=str(lacking[0]), remedy='choose among these', expected='seeds that '
                             f'{row.name} was trained with: {", ".join(known[row.name]["runs"])}')
        found.append(Trained(known[row.name]['title'], tuple(_run(work, row, seed) for seed in chosen),
                             content['split']))
    manifest.check_chain(work, 'classify', *(f'models/classify/{run.name}' for one in found for run in one.runs))
    return found


def _row(said: dict[str, Any]) -> Row:
    """A row of the table; its recipe is named relative to the repository."""
    config = CONFIGS.parent / said['config']
    if not config.is_file():
        raise InputError(f'row {said["name"]}', expected=f'its recipe {said["config"]} in this repository',
                         found='nothing', remedy='name it by the path of its recipe: --rows PATH@IMAGES')
    return Row(config, Images.parse(said['name'].partition('@')[2]))


def _run(work: Path, row: Row, seed: int) -> Run:
    """A run as it was trained: with the overrides that its manifest has."""
    models = Workspace(work).model('classify', '')
    said = manifest.found(Run(work, row, seed, models).folder).get('parameters', {})
    run = Run(work, row, seed, models, tuple(said.get('options', ())))
    if not (run.folder / 'model.pth').is_file() or said != json.loads(json.dumps(run.parameters())):
        raise InputError(run.folder, expected=f'a model of the present {config_files.shown(row.config)}',
                         found='one of another state of it' if said else 'none', remedy='run make classify again')
    return run


def add_arguments(parser: argparse.ArgumentParser, stage: str, most: str) -> None:
    parser.add_argument('--work', type=Path, required=True, help='WORK/<dataset>: holds classify/, models/, ...')
    parser.add_argument('--rows', nargs='+', metavar='RECIPE@IMAGES', help='(default: all of the table)')
    parser.add_argument('--seeds', type=a_seed, nargs='+', help=f'(default: {most})')
    parser.add_argument('--images', type=whole(1), metavar='N',
                        help='at most so many, evenly over the classes; the result '
                        'says how many of how many (default: all)')
    parser.add_argument('--out', type=Path, help=f'(default: WORK/<dataset>/{stage})')
