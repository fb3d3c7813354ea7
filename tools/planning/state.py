"""What is up to date already, as the stages themselves say."""
from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Mapping
from pathlib import Path

from pipelines import runs, trainings
from pipelines.core import manifest
from pipelines.core.errors import InputError
from pipelines.core.workspace import STAGES
from tools.planning import commands as asked_for
from tools.planning.commands import Command

_CHAIN = ('convert', 'detect', 'crop', 'synth')


def up_to_date(commands: Mapping[str, Command]) -> tuple[frozenset[str], list[str]]:
    """What make would find done, by the names of `work.Work.done`; and what it would stop at, in the stages' words.

    Every stage is asked by its own command, and builds nothing. What follows an outdated one is outdated.
    """
    done: set[str] = set()
    remarks: list[str] = []
    chain = {name: command for name, command in commands.items() if command.stage in _CHAIN}
    for name, command in chain.items():
        finished, words = _ask(command, name)
        done |= finished
        remarks += [f'make would stop at {name}: {words}'] if words else []
        if name not in finished and command.stage != 'synth':
            return frozenset(done), remarks
    if 'classify' in commands:
        drawn = [name in done for name, command in chain.items() if command.stage == 'synth']
        done |= _runs(commands['classify'], with_synthetic=bool(drawn) and all(drawn))
    return frozenset(done), remarks


def _ask(command: Command, name: str) -> tuple[set[str], str]:
    """What of a stage is done, by the name of its command, and what it complains of."""
    main = importlib.import_module(STAGES[command.stage].module).main
    errors = io.StringIO()
    try:
        with manifest.asking(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            status = main(list(command.words))
    except manifest.OutdatedError as outdated:
        trained = STAGES[command.stage].trains and outdated.out.parts[-3] != 'models'
        return ({f'{name}: train'} if trained else set()), ''
    if status:
        return set(), errors.getvalue().strip().removeprefix('error: ')
    return {name, f'{name}: train'}, ''


def _runs(command: Command, *, with_synthetic: bool) -> set[str]:
    """The names of the classifiers' runs that are done, test included where it is asked for."""
    data = Path(command.one('--data'))
    models = Path(command.one('--models') or Path(command.one('--out')).absolute().parent / 'models/classify')
    tested, found = command.one('--test') != 'no', set()
    wanted = [runs.Run(data, row, seed, models) for row in asked_for.rows(command) for seed in asked_for.seeds(command)]
    names = {run.name for run in wanted if tested and not run.pretrains}
    for run in trainings.with_ancestors(wanted):
        if not manifest.found(run.folder) or run.row.images.generator and not with_synthetic:
            continue
        with contextlib.suppress(InputError):
            if run.is_current(tested=run.name in names):
                found.add(run.name)
    return found
