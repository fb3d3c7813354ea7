"""Classify's table in words, for a terminal."""
from __future__ import annotations

from collections.abc import Sequence


def share(value: float, interval: Sequence[float] = ()) -> str:
    """0.834 -> 83.4, or 83.4 [81.0, 85.2]"""
    ends = ', '.join(f'{100 * end:.1f}' for end in interval)
    return f'{100 * value:.1f}' + (f' [{ends}]' if ends else '')


def p_value(p: float) -> str:
    return '< 0.001' if p < 0.001 else f'{p:.3f}'


def gain(row: dict) -> str:
    """A row of `pipelines.core.statistics.compare`."""
    low, high = (100 * end for end in row['interval'])
    return f'{100 * row["value"]:+.1f} [{low:+.1f}, {high:+.1f}] p {p_value(row["p_holm"])}: {row["verdict"]}'


def as_text(table: dict) -> str:
    """The table for a terminal."""
    reference = table['rows'][0]['title']
    lines = [f'{"":28} {"train":>6} {"top-1 [95 %]":>20} {"top-5":>6} {"F1":>6}   difference to {reference}']
    for row in table['rows']:
        against = gain(row['difference']) if row['difference'] else '(reference)'
        lines.append(f'{row["title"][:28]:28} {row["train_images"]:6} {share(row["top1"], row["top1_interval"]):>20} '
                     f'{share(row["top5"]):>6} {share(row["macro_f1"]):>6}   {against}')
    titles = {row['name']: row['title'] for row in table['rows']}
    lines += [f'{titles[row["row"]]} against {titles[row["reference"]]}: {gain(row)}' for row in table['comparisons']]
    return '\n'.join(lines)
