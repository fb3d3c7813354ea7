"""classify's table: what each row reaches, and what it gains over the rows that it is a change of.

`pipelines.core.statistics` says how sure each number is; this module says which rows are compared, and which is shown
first. That one is chosen on val: the test split only tells what it reaches.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import json_files
from pipelines.core.errors import InputError

Results = Mapping[str, Mapping[int, dict[str, Any]]]
METRICS = ('top1', 'macro_f1', 'balanced_accuracy')


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: unique in the table; its runs carry it.
        title: in words.
        config: as a manifest names it.
        parents: names of the rows that it is a change of, nearest first.
    """
    name: str
    title: str
    config: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """Which rows are compared with which.

    Args:
        reference: pairs of each row but the first and the first.
        change: by row, the row that it is a change of: the nearest of its parents that is in the table, the first row
            where it names none. A row is missing where it names parents and none is in the table.
        missing: ``row``, ``reference`` and ``reason`` of comparisons with a parent that is not in the table.
    """
    reference: tuple[tuple[str, str], ...]
    change: Mapping[str, str]
    missing: tuple[dict[str, str], ...]

    @property
    def all(self) -> list[tuple[str, str]]:
        """Each once: those with the reference, then the others."""
        return list(dict.fromkeys([*self.reference, *self.change.items()]))


def pairs(rows: Sequence[Row]) -> Pairs:
    """Args:
        rows: the first is the reference.
    """
    first, names = rows[0].name, {row.name for row in rows}
    change, missing = {}, []
    for row in rows:
        known = [name for name in row.parents if name in names and name != row.name]
        if known:
            change[row.name] = known[0]
        elif not row.parents and row.name != first:
            change[row.name] = first
        if row.parents and row.parents[0] not in names and row.name != first:
            missing.append(dict(row=row.name, reference=row.parents[0],
                                reason=f'no row of this table is called {row.parents[0]}'))
    return Pairs(tuple((row.name, first) for row in rows[1:]), change, tuple(missing))


def read(path: Path) -> dict[str, Any]:
    """The content of a run's ``test.json`` or ``val.json``; ``scores`` as an array, a quarter as large."""
    import numpy as np

    result = json_files.read(path)
    return dict(result, scores=np.array(result['scores']))


def titles(rows: Sequence[Row]) -> dict[str, str]:
    """By row's name, titles that tell the rows apart: equal ones are followed by the name."""
    often = Counter(row.title for row in rows)
    return {row.name: row.title if often[row.title] == 1 else f'{row.title} ({row.name})' for row in rows}


def tabulate(rows: Sequence[Row], results: Results | None, val: Results | None = None, *, family: int = 0,
             reads: int | None = None, starts: Sequence[Row] = (),
             costs: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The table of `docs/formats.md` from the runs' predictions.

    Args:
        rows: the first is the reference.
        results: by row's name and seed, the content of the run's ``test.json``; None where the test split is kept
            shut: the table is then made of ``val``.
        val: the same of the run's ``val.json``. ``best_epoch`` and ``train_images`` are taken from here, if given.
        family: comparisons that were ever made on this test split (`pipelines.core.ledger`); those of the table count
            in any case.
        reads: how often the test split was ever read; None where that is not known.
        starts: that were trained because rows start from them, and are not compared.
        costs: by row's name, what its network costs (`docs/formats.md`).
    Raises:
        InputError: rows that were read on different images.
        ValueError: neither ``results`` nor ``val``, or a row without a result.
    """
    from pipelines.core import long_tail, statistics

    split, shown = ('test', results) if results is not None else ('val', val)
    if shown is None or any(not given.get(row.name) for row in rows for given in (results, val) if given is not None):
        raise ValueError('a row of the table has no result')
    names, wanted = titles(rows), pairs(rows)
    first, outcomes, runs = _read(shown, rows, split)
    held = _read(val, rows, 'val') if val is not None else None
    family = max(family if split == 'test' else 0, len(wanted.all))
    compared = {(one['row'], one['reference']): one
                for one in statistics.compare(first['label'], outcomes, wanted.all, family=family)}
    table = []
    for row in rows:
        made = (val or shown)[row.name]
        counts = next(iter(made.values())).get('train_counts')
        other = wanted.change.get(row.name)
        by_seed = {str(seed): dict(run, val_top1=held[2][row.name][seed]['top1'] if held else None,
                                   best_epoch=made[seed]['best_epoch']) for seed, run in runs[row.name].items()}
        table.append(dict(
            name=row.name, title=names[row.name], config=row.config, parent=wanted.change.get(row.name), runs=by_seed,
            train_images=next(iter(made.values()))['train_images'], cost=_cost(costs, row.name),
            val=_val(held[0]['label'], held[1][row.name]) if held else None,
            shots=long_tail.shots(counts, outcomes[row.name], outcomes.get(other) if other else None),
            difference=compared.get((row.name, rows[0].name)),
            change=compared.get((row.name, wanted.change.get(row.name))),
            **statistics.summary(first['label'], outcomes[row.name])))
    return dict(classes=first['classes'], seeds=sorted({seed for by_seed in shown.values() for seed in by_seed}),
                reference=rows[0].name, headline=_headline(table), split=split,
                test_images=len(first['label']) if split == 'test' else None,
                val_images=len(held[0]['label']) if held else None, test_reads=reads, family=family, rows=table,
                comparisons=[one for pair, one in compared.items() if pair not in wanted.reference],
                missing=list(wanted.missing), changes=_changes(table),
                starts=[dict(name=row.name, title=row.title, config=row.config) for row in starts])


def _read(results: Results, rows: Sequence[Row], split: str) -> tuple[
        dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What all results of a split say alike, and by row what its seeds predict, and the numbers of each seed.

    Raises:
        InputError: rows that were read on different images.
    """
    import numpy as np

    from pipelines.core import statistics

    first: dict[str, Any] = {}
    outcomes = {}
    numbers: dict[str, dict[Any, Any]] = {}
    for row in rows:
        scores, numbers[row.name] = [], {}
        for seed, result in results[row.name].items():
            found = {key: result[key] for key in ('classes', 'image_id', 'label')}
            if found != (first := first or found):
                raise InputError(f'{row.name}, seed {seed}', remedy='make crop classify again', found='others',
                                 expected=f'the {split} images, classes and labels of the rows before it')
            scores.append(np.array(result['scores']))
            one = statistics.outcome(first['label'], scores[-1:])
            numbers[row.name][seed] = dict(
                top1=float(one.correct.mean()), top5=one.top5,
                macro_f1=float(statistics.macro_f1(one.labels, one.predictions, one.classes).mean()),
                balanced_accuracy=float(statistics.balanced_accuracy(one.labels, one.predictions).mean()))
        outcomes[row.name] = statistics.outcome(first['label'], scores)
    return first, outcomes, numbers


def _cost(costs: Mapping[str, Mapping[str, Any]] | None, name: str) -> dict[str, Any] | None:
    """What is the same on every machine: a table's bytes follow from its inputs."""
    found = (costs or {}).get(name)
    return {key: found[key] for key in ('parameters', 'flops', 'input')} if found else None


def _val(labels: Sequence[int], row: Any) -> dict[str, Any]:
    from pipelines.core import statistics

    summary = statistics.summary(labels, row)
    return {key: summary[key] for metric in METRICS for key in (metric, f'{metric}_interval')}


def _headline(table: Sequence[Mapping[str, Any]]) -> str | None:
    """The row with the best mean on val; of equal ones the first."""
    known = [row for row in table if row['val']]
    return max(known, key=lambda row: row['val']['top1'])['name'] if known else None


def _changes(table: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows are a change of another one, and by verdict, what became of them."""
    from pipelines.core import statistics

    found = Counter(row['change']['verdict'] for row in table if row['change'])
    return dict(count=sum(found.values()), **{verdict: found[verdict] for verdict in statistics.VERDICTS})
