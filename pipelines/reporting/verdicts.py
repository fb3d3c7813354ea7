"""What classify's table says, in words: which row leads, which changes helped."""
from __future__ import annotations

from collections.abc import Mapping

from pipelines.reporting.words import listing, points, sentence


def seeds(table: Mapping) -> int:
    """How many."""
    return table['seeds'] if isinstance(table['seeds'], int) else len(table['seeds'])


def best(table: Mapping) -> dict:
    """The row that the page looks into."""
    return max(table['rows'], key=lambda row: (row['name'] == table['headline'], row['top1']))


def _gains(rows: list[Mapping]) -> str:
    return listing([f'{row["title"]} ({points(row["difference"]["value"])})' for row in rows])


def headline(table: Mapping) -> tuple[str, str]:
    """The result in one line, and what is behind it in a few short sentences."""
    rows = [row for row in table['rows'] if row['difference']]
    title = next(row['title'] for row in table['rows'] if row['name'] == table['reference'])
    if not rows:
        return f'Only {title} has been trained', 'There is nothing to compare it with yet.'
    rows.sort(key=lambda row: -row['difference']['value'])
    better, worse, unsure = ([row for row in rows if row['difference']['verdict'] == verdict]
                             for verdict in ('better', 'worse', 'no gain shown'))
    alone = [row for row in rows if row['difference']['p_holm'] is None]
    changes = table['changes']
    details = [f'{changes["better"]} of {changes["count"]} changes helped.']
    if better:
        low, high = better[0]['difference']['interval_holm']
        first = sentence(f'{better[0]["title"]}: {points(better[0]["difference"]["value"])} points over {title}')
        details.insert(0, f'95 % interval {points(low)} to {points(high)}.')
        if better[1:]:
            details.append(f'Also better: {_gains(better[1:])}.')
    else:
        first = f'No change is shown to help over {title}'
    if unsure:
        details.append(f'No gain shown: {_gains(unsure)}.')
    if alone:
        details.append(f'No verdict with one seed: {_gains(alone)}.')
    if worse:
        details.append(f'Worse: {_gains(worse)}.')
    return first, ' '.join(details)


def confused_pairs(classes: list[str], confusion: list[list[int]], most: int = 10) -> list[dict]:
    """The most frequent mistakes: ``true``, ``predicted``, ``count`` and its ``share`` of the true class."""
    pairs = [dict(true=classes[i], predicted=classes[j], count=count, share=count / sum(row))
             for i, row in enumerate(confusion) for j, count in enumerate(row) if i != j and count]
    return sorted(pairs, key=lambda pair: (-pair['count'], -pair['share']))[:most]
