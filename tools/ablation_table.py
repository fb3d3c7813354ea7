"""What each config changes against its parent, beside what comes of it: the ablations of one classify result.

    python -m tools.ablation_table work_dirs/cub/classify
    python -m tools.ablation_table work_dirs/cub/classify --html ablations.html

A row's parent is the nearest row that it is a change of: in its images, or in its recipe (`_base_`). Changes are read
from the resolved configs that were trained (models/classify/<row>-seed<k>/config.py), key by key; differences of top-1
come with the interval, p and verdict of the table.
"""
from __future__ import annotations

import argparse
import difflib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.core import json_files, tables
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files

Change = tuple[str, str | None, str | None]  # key, before, after; None: not set


def changes(before: Any, after: Any, key: str = '') -> Iterator[Change]:
    """What differs between two nodes of configs.

    Unlike ``Config.diff``, which compares formatted lines, each row names its whole key, and a number that changes does
    not show the lines it moved.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after} - {'_scope_'}):
            where = f'{key}.{name}' if key else name
            if name in before and name in after:
                yield from changes(before[name], after[name], where)
            else:
                yield where, _shown(before, name), _shown(after, name)
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        if len(before) == len(after):
            for index, pair in enumerate(zip(before, after)):
                yield from changes(*pair, f'{key}.{index}')
            return
        matcher = difflib.SequenceMatcher(None, list(map(repr, before)), list(map(repr, after)), False)
        for kind, i, j, k, m in matcher.get_opcodes():
            if kind != 'equal':
                yield f'{key}.{i}', _shown(before, slice(i, j)), _shown(after, slice(k, m))
    elif before != after:
        yield key, repr(before), repr(after)


def _shown(node: Any, part: Any) -> str | None:
    value: Any = node.get(part) if isinstance(node, dict) else [*node[part]]
    if (isinstance(node, dict) and part not in node) or value == []:
        return None
    return textwrap.shorten(repr(value[0] if isinstance(node, (list, tuple)) and len(value) == 1 else value), 100)


def read(folder: Path, models: Path) -> dict:
    """A classify result's table with, in every row, ``parent``, ``changes`` and the ``difference`` to the parent.

    Raises:
        InputError: no such result, or a row whose config or training is not there any more.
    """
    from mmengine import Config

    from pipelines.openmm.engine.config import effective_keys

    if not (folder / 'table.json').is_file():
        raise InputError(folder, expected='a result of classify, with table.json', found='none', remedy='make classify')
    table = json_files.read(folder / 'table.json')
    parents = {row['name']: row['parent'] for row in table['rows']}
    trained = {name: models / f'{name}-seed{table["seeds"][0]}' / 'config.py' for name in parents}
    for path in trained.values():
        if not path.is_file():
            raise InputError(path, expected='the config of a row', found='nothing', remedy='make classify again')
    kept = effective_keys('mmpretrain') - {'data_root', config_files.COMPARED_WITH}
    resolved = {name: {key: value for key, value in Config.fromfile(path)._cfg_dict.to_dict().items() if key in kept}
                for name, path in trained.items()}

    for row in table['rows']:
        name, parent = row['name'], parents[row['name']]
        row.update(difference=row['change'],
                   changes=list(changes(resolved[parent], resolved[name])) if parent else [])
    return table


def as_text(table: dict) -> str:
    """The table for a terminal."""
    titles, lines = {row['name']: row['title'] for row in table['rows']}, []
    for row in table['rows']:
        lines.append(f'{row["title"]}: top-1 {tables.share(row["top1"], row["top1_interval"])}, '
                     f'F1 {tables.share(row["macro_f1"], row["macro_f1_interval"])}')
        if row['parent']:
            lines.append(f'  against {titles[row["parent"]]}: {tables.gain(row["difference"])}')
        lines += [f'    {key}: {before or "not set"} -> {after or "not set"}' for key, before, after in row['changes']]
    return '\n'.join(lines)


def as_html(table: dict) -> str:
    """The table as a page that needs no network."""
    from pipelines.reporting import templates

    titles = {row['name']: row['title'] for row in table['rows']}
    return templates.render('ablations.html.j2', rows=table['rows'], titles=titles,
                            test_images=table['test_images'], classes=len(table['classes']), seeds=table['seeds'],
                            family=table['family'])


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.ablation_table', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('classify', type=Path, help='folder of a classify result')
    parser.add_argument('--models', type=Path, help='folder of its runs (default: CLASSIFY/../models/classify)')
    parser.add_argument('--html', type=Path, metavar='FILE', help='write the table as a page, too')
    args = parser.parse_args(argv)
    table = read(args.classify, args.models or args.classify.absolute().parent / 'models' / 'classify')
    print(as_text(table))
    if args.html:
        args.html.write_text(as_html(table), encoding='utf-8')
        print(f'open {args.html}')


if __name__ == '__main__':
    sys.exit(main())
