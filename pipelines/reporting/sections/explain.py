"""What rows look at: attribution inside the animal's box, features, and how confusions differ from the reference's."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.core.kinds import MARGIN, Kind
from pipelines.core.rows import Images
from pipelines.reporting import looks, pictures
from pipelines.reporting.found import Found, Result
from pipelines.reporting.section import Section
from pipelines.reporting.stages import CLASSIFY
from pipelines.reporting.words import listing, percent, points

EXPLAIN = Result('explain', ('explain/*/explain.json',), (
    'row', 'title', 'split', 'seeds', 'images', 'of', 'classes', 'layer', 'methods', 'sanity', 'embedding', 'pairs',
    'sheets'), 'pipelines.explain', 'python -m pipelines.explain --work WORK', beside=('sheet_*.jpg',))
_METHODS = {'grad-cam': 'Grad-CAM', 'cam': 'CAM', 'rollout': 'attention rollout'}
_MATRICES = 6
_CONFUSED = 0.5  # above this rank correlation a map is said to show the image, not what was learned


def _row(one: Mapping) -> dict[str, Any]:
    return dict(one, methods=[(_METHODS[name], said) for name, said in one['methods'].items()],
                sane=one['sanity']['rank_correlation'] < _CONFUSED)


def render(found: Found) -> dict:
    table = found.content(CLASSIFY)
    order = [row['name'] for row in table['rows']] if table else []
    results = sorted(found.all(EXPLAIN), key=lambda one: order.index(one.name) if one.name in order else len(order))
    contents = [one.content for one in results]
    sheets = [dict(row=one.content['row'], pictures=[
        (pictures.sheet(one.path.with_name(name), 'explain'), caption)
        for name, caption in one.content['sheets'].items()]) for one in results]
    return dict(rows=[_row(one) for one in contents], sheets=sheets, split=contents[0]['split'],
                arranged=looks.arranged(shown) if (shown := [one for one in contents if one['embedding']]) else None,
                seen=seen(contents), cropping=cropping(table) if table else [],
                differences=differences(table, {one['row'] for one in contents}) if table else [],
                left=max(0, len(contents) - 1 - _MATRICES))


def differences(table: Mapping, rows: set[str]) -> list[Any]:
    """Matrices of rows minus the reference's."""
    known = {row['name']: row for row in table['rows']}
    reference = known[table['reference']]
    others = [row for row in table['rows'] if row['name'] in rows and row is not reference][:_MATRICES]
    return [looks.difference(table['classes'], np.array(row['confusion']), np.array(reference['confusion']),
                             f'{row["name"]} minus {reference["name"]}') for row in others]


def seen(contents: list[dict]) -> list[str]:
    """Whether cropping changes what is looked at: Grad-CAM's share inside the box beyond the box's area."""
    found = []
    for one in contents:
        if said := one['methods'].get('grad-cam'):
            low, high = said['difference']['interval']
            how = ('more than the box’s share of the area' if low > 0 else
                   'less than the box’s share of the area' if high < 0 else 'no more than chance would put there')
            found.append(f'{one["title"]}: {percent(said["inside"]["value"])} % of the attribution falls inside the '
                         f'animal’s box, which covers {percent(said["area"]["value"])} % of the input: {how} '
                         f'({points(said["difference"]["value"])}, 95 % interval {points(low)} to {points(high)}).')
    return found


def cropping(table: Mapping) -> list[str]:
    """Why cropping helps or hurts, as far as rows of the table tell: context, box quality, scale."""
    rows = {row['name']: row for row in table['rows']}
    said = []
    for row in table['rows']:
        if not (change := row['change']) or change['reference'] not in rows:
            continue
        what = _what(row['name'], change['reference'])
        if what:
            low, high = change['interval_holm'] or (None, None)
            within = '' if low is None else f', corrected interval {points(low)} to {points(high)}'
            said.append((what, f'{row["title"]} against {rows[change["reference"]]["title"]}: '
                               f'{points(change["value"])} points ({change["verdict"]}{within}).'))
    lacking = [name for name in _EXAMPLES if name not in {what for what, _ in said}]
    sentences = [f'{what}: {text}' for what, text in sorted(said, key=lambda pair: list(_EXAMPLES).index(pair[0]))]
    if lacking:
        recipe = table['rows'][0]['name'].partition('@')[0]
        rows_for = listing([_EXAMPLES[name].format(recipe=recipe) for name in lacking])
        sentences.append(f'Not measured: {listing([name.lower() for name in lacking])}. Rows that do: {rows_for}.')
    return sentences


_EXAMPLES = {'Cropping': '{recipe}@square', 'Context (margin)': '{recipe}@square-m0 {recipe}@square-m30',
             'Box quality (annotated against detected boxes)': '{recipe}@square-gt',
             'Scale (size of the input)': 'a recipe of another size @square'}


def _what(row: str, reference: str) -> str:
    """Which of the causes a comparison is about."""
    recipe, _, images = row.partition('@')
    other, _, before = reference.partition('@')
    if recipe != other:
        return 'Scale (size of the input)' if images == before and 'px' in recipe + other else ''
    if '+' in images or '+' in before:
        return ''
    one, two = (Kind.parse(Images.parse(text).kind) for text in (images, before))
    if one.annotated != two.annotated and one.shape == two.shape:
        return 'Box quality (annotated against detected boxes)'
    if one.shape == two.shape and (one.margin, two.margin) != (MARGIN, MARGIN):
        return 'Context (margin)'
    return 'Cropping' if two.shape == 'full' else ''


SECTION = Section(24, 'What the rows look at', (EXPLAIN,), render, also=(CLASSIFY,), optional=True, short='Looked at')
