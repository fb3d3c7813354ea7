"""Classify's table in words, for a terminal of 120 columns."""
from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

TOP5_FROM = 6  # classes: with fewer every answer is among the first five
_NAME, _WIDTH = 36, 120


def share(value: float, interval: Sequence[float] = ()) -> str:
    """0.834 -> 83.4, or 83.4 [81.0, 85.2]"""
    ends = ', '.join(f'{100 * end:.1f}' for end in interval)
    return f'{100 * value:.1f}' + (f' [{ends}]' if ends else '')


def counted(count: int, what: str) -> str:
    """1 -> ``1 image``, 2 -> ``2 images``"""
    return f'{count:,} {what}{"s" * (count != 1)}'


def compared(table: Mapping[str, Any]) -> bool:
    """Whether a table compares rows at all."""
    return any(row['difference'] for row in table['rows']) or bool(table['comparisons'])


def p_value(p: float | None) -> str:
    if p is None:
        return '-'
    return '< 0.001' if p < 0.001 else f'{p:.3f}'


def needed(row: Mapping[str, Any]) -> str:
    """How many seeds a comparison without a verdict asks for; nothing where seeds alone would not do."""
    count = row.get('needs_seeds')
    return f'this needs about {count} seeds' if count else ''


def gain(row: Mapping[str, Any]) -> str:
    """A row of `pipelines.core.statistics.compare`: interval and p corrected for the family, as the verdict is."""
    words = ', '.join(filter(None, (row['verdict'], needed(row))))
    if row['p_holm'] is None:
        return f'{100 * row["value"]:+.1f} {words}'
    low, high = (100 * end for end in row['interval_holm'])
    return f'{100 * row["value"]:+.1f} [{low:+.1f}, {high:+.1f}] p {p_value(row["p_holm"])}: {words}'


def _cut(text: str, width: int = _NAME) -> str:
    return textwrap.shorten(text, width, placeholder='...') if ' ' in text[:width] else text[:width]


def _names(titles: Mapping[str, str]) -> dict[str, str]:
    """By row's name, what the table calls it: its title where that is short enough to tell it apart, else the name."""
    short = {name: _cut(title) for name, title in titles.items()}
    shown = list(short.values())
    return {name: title if shown.count(title) == 1 else _cut(name) for name, title in short.items()}


def _heading(table: Mapping[str, Any]) -> str:
    seeds, split = table['seeds'], table['split']
    parts = [f'seeds {" ".join(map(str, seeds))}' if len(seeds) > 1 else 'one seed', f'{len(table["classes"])} classes']
    for name in ('test', 'val'):
        if table[f'{name}_images']:
            parts.append(f'{table[f"{name}_images"]:,} {name} images')
    if split == 'val':
        parts.append('test was not read: all figures are of val')
    elif table['test_reads'] is not None:
        parts.append(f'test was read {counted(table["test_reads"], "time")}')
    return '; '.join(parts)


def _scores(table: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    split, top5 = table['split'], len(table['classes']) >= TOP5_FROM
    lines = [f'{"":{_NAME}} {"train":>6} {"seeds":>5} {"val [95 %]" if split == "test" else "":>18} '
             f'{split + " [95 %]":>18} {"top-5":>6} {"balanced":>8} {"F1":>6}']
    for row in table['rows']:
        val = share(row['val']['top1'], row['val']['top1_interval']) if row['val'] and split == 'test' else ''
        lines.append(f'{names[row["name"]]:{_NAME}} {row["train_images"]:6} {row["seeds_counted"]:5} {val:>18} '
                     f'{share(row["top1"], row["top1_interval"]):>18} {share(row["top5"]) if top5 else "-":>6} '
                     f'{share(row["balanced_accuracy"]):>8} {share(row["macro_f1"]):>6}')
    return lines


def _comparisons(table: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Against the reference, then against the row that each is a change of, where that is another one."""
    groups: dict[str, list[str]] = {}
    for row in [*filter(None, (row['difference'] for row in table['rows'])), *table['comparisons']]:
        groups.setdefault(row['reference'], []).append(f'{names[row["row"]]:{_NAME}} {gain(row)}')
    lines = []
    for reference, rows in groups.items():
        lines += ['', f'against {names[reference]}', *rows]
    if table['missing']:
        lines += ['', 'not compared']
        lines += [f'{names[row["row"]]:{_NAME}} with {row["reference"]}: {row["reason"]}' for row in table['missing']]
    return lines


def _closing(table: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    changes, family = table['changes'], table['family']
    lines = []
    if table['headline']:
        row = next(row for row in table['rows'] if row['name'] == table['headline'])
        of = '' if table['split'] == 'val' else f'; on test {share(row["top1"], row["top1_interval"])}'
        lines.append(f'chosen on val: {row["title"]}, {share(row["val"]["top1"], row["val"]["top1_interval"])}{of}')
    if changes['count']:
        lines.append(f'{changes["better"]} of {changes["count"]} changes helped, each against the row that it is a '
                     'change of')
    if starts := [row['name'] for row in table.get('starts', ())]:
        lines.append(f'trained for rows that start from them, and not compared: {", ".join(starts)}')
    lines += [f'{names[row["name"]]}: of {len(row["runs"])} seeds {row["seeds_counted"]} differ in what they predict; '
              'equal ones count once' for row in table['rows'] if row['seeds_counted'] < len(row['runs'])]
    where = 'ever made on this test split' if table['split'] == 'test' else 'of this table'
    lines.append(('Intervals (95 %) and p are over seeds and images (one seed: images alone); those of differences '
                  f'are corrected for {counted(family, "comparison")} {where} (Holm). ' if compared(table) else
                  'Intervals (95 %) are over seeds and images (one seed: images alone). One row has no other to be '
                  'compared with. ')
                 + 'F1 and balanced accuracy: mean over the classes that have images.')
    return ['', *(part for line in lines for part in textwrap.wrap(line, _WIDTH))]


def millions(count: float) -> str:
    """4207000 -> 4.21"""
    return f'{count / 1e6:.3g}' if count < 1e8 else f'{count / 1e6:.0f}'


def _costs(table: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    known = [row for row in table['rows'] if row.get('cost')]
    if not known:
        return []
    lines = ['', f'{"network":{_NAME}} {"parameters, M":>14} {"GFLOP":>8} {"input":>12}']
    for row in known:
        cost = row['cost']
        lines.append(f'{names[row["name"]]:{_NAME}} {millions(cost["parameters"]):>14} {cost["flops"] / 1e9:>8.3g} '
                     f'{"x".join(map(str, cost["input"])):>12}')
    return lines


def _shots(table: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    from pipelines.core import long_tail

    known = [row for row in table['rows'] if row.get('shots')]
    return ['', 'top-1 of classes with many, some and few training images (against the row that it is a change of)',
            *(f'{names[row["name"]]:{_NAME}} {long_tail.in_words(row["shots"])}' for row in known)] if known else []


def machine(cost: Mapping[str, Any]) -> str:
    """Where a speed was measured, in words."""
    where = cost['device'] if cost['device'] != 'CPU' else f'{cost["cpu"]}, {counted(cost["threads"], "thread")}'
    return f'{where}, {cost["dtype"]}, batch {cost["batch"]}'


def speeds(costs: Mapping[str, Mapping[str, Any]]) -> str:
    """Images a second of each row's network, by the machine that they were measured on."""
    by_machine: dict[str, list[str]] = {}
    for name, cost in costs.items():
        by_machine.setdefault(machine(cost), []).append(f'{name:{_NAME}} {cost["images_per_second"]:>8g}')
    return '\n'.join(line for where, lines in by_machine.items()
                     for line in (f'images a second, forward pass alone ({where})', *lines))


def as_text(table: Mapping[str, Any]) -> str:
    """The table for a terminal."""
    names = _names({row['name']: row['title'] for row in table['rows']})
    lines = [*textwrap.wrap(_heading(table), _WIDTH), '', *_scores(table, names), *_costs(table, names),
             *_shots(table, names), *_comparisons(table, names), *_closing(table, names)]
    return '\n'.join(lines)
