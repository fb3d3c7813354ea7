"""What classify's table says, in words: which row leads, which changes helped."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.reporting.words import listing, percent, points, sentence, times

UNSURE, ALONE = 'no gain shown', 'one seed: no verdict'


def seeds(table: Mapping) -> int:
    """How many."""
    return len(table['seeds'])


def titles(table: Mapping) -> dict[str, str]:
    return {row['name']: row['title'] for row in table['rows']}


def leading(table: Mapping) -> dict:
    """The row that the page looks into: chosen on val; where that is not known the reference, as test chooses none."""
    name = table['headline'] or table['reference']
    return next(row for row in table['rows'] if row['name'] == name)


def changes(table: Mapping) -> list[dict]:
    """Each row against the row that it is a change of, the largest gain first."""
    return sorted((row['change'] for row in table['rows'] if row['change']), key=lambda change: -change['value'])


def comparisons(table: Mapping) -> list[tuple[str, list[dict]]]:
    """All of them by what they are: changes, and rows against the reference where that is another pair."""
    changed = [row['change'] for row in table['rows'] if row['change']]
    known = {(one['row'], one['reference']) for one in changed}
    differences = [row['difference'] for row in table['rows'] if row['difference']]
    others = [one for one in differences if (one['row'], one['reference']) not in known]
    groups = [('What each change brings', changed), (f'Against {titles(table)[table["reference"]]}', others)]
    return [(title, rows) for title, rows in groups if rows]


def _gains(rows: Sequence[Mapping], names: Mapping[str, str], reference: str) -> str:
    """box crops (+1.0, 95 % interval +0.2 to +1.8), square crops against box crops (−0.5, needs about 9 seeds)"""
    found = []
    for row in rows:
        against = f' against {names[row["reference"]]}' if row['reference'] != reference else ''
        more = ''
        if row['verdict'] == 'better':
            more = f', 95 % interval {points(row["interval_holm"][0])} to {points(row["interval_holm"][1])}'
        elif row['needs_seeds']:
            more = f', this needs about {row["needs_seeds"]} seeds'
        found.append(f'{names[row["row"]]}{against} ({points(row["value"])}{more})')
    return listing(found)


def headline(table: Mapping) -> tuple[str, str]:
    """The result in one line, and what is behind it in a few short sentences."""
    names, rows = titles(table), changes(table)
    if len(table['rows']) == 1:
        first, details = (f'Only {table["rows"][0]["title"]} has been trained',
                          ['There is nothing to compare it with yet.'])
    else:
        first, details = _first(table, rows, names), _verdicts(rows, names, table['reference'])
    return sentence(first), ' '.join([*_reached(table), *details])


def _first(table: Mapping, rows: Sequence[Mapping], names: Mapping[str, str]) -> str:
    """The change that made the leading row where it helped, else the change that helped most."""
    better = [row for row in rows if row['verdict'] == 'better']
    lead = [row for row in better if row['row'] == leading(table)['name']] or better
    if lead:
        return f'{names[lead[0]["row"]]}: {points(lead[0]["value"])} points over {names[lead[0]["reference"]]}'
    if rows and all(row['verdict'] == ALONE for row in rows):
        return 'One seed gives no verdict: train more'
    return 'No change is shown to help'


def _verdicts(rows: Sequence[Mapping], names: Mapping[str, str], reference: str) -> list[str]:
    by_verdict: dict[str, list[Mapping]] = {}
    for row in rows:
        by_verdict.setdefault(row['verdict'], []).append(row)
    found = []
    if rows:
        helped = len(by_verdict.get('better', ()))
        found.append(f'{helped} of {times(len(rows), "change")} helped, each against the row that it is a change of.')
    for verdict, said in (('better', 'Better'), (UNSURE, 'No gain shown'), ('worse', 'Worse'),
                          (ALONE, 'No verdict with one seed')):
        if verdict in by_verdict:
            found.append(f'{said}: {_gains(by_verdict[verdict], names, reference)}.')
    return found


def _reached(table: Mapping) -> list[str]:
    """What the row chosen on val reaches, and whether test was read for it."""
    if table['split'] == 'val':
        return ['Test has not been read: every figure here is of val.']
    if not table['headline']:
        return []
    row = leading(table)
    low, high = row['top1_interval']
    return [f'Best on val is {row["title"]}: {percent(row["top1"])} % on test ({percent(low)} to {percent(high)}).']


def reads(table: Mapping) -> str:
    """How much the test split has been used, as a sentence; empty where that is not known."""
    if table['test_reads'] is None:
        return ''
    return (f'The test split has been read {times(table["test_reads"])} by trained models, those of earlier tables '
            'included (test_reads.json lists every reading).')


def confused_pairs(classes: list[str], confusion: list[list[int]], most: int = 10) -> list[dict]:
    """The most frequent mistakes: ``true``, ``predicted``, ``count`` and its ``share`` of the true class."""
    pairs: list[dict[str, Any]] = [
        dict(true=classes[i], predicted=classes[j], count=count, share=count / sum(row))
        for i, row in enumerate(confusion) for j, count in enumerate(row) if i != j and count]
    return sorted(pairs, key=lambda pair: (pair['count'], pair['share']), reverse=True)[:most]
