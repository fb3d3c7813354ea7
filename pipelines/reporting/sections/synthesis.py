"""Synthetic images, a block for each generator: pictures, and figures beside those of held-out real images."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.reporting import pictures
from pipelines.reporting.found import Found, One
from pipelines.reporting.section import Section
from pipelines.reporting.stages import SYNTH
from pipelines.reporting.words import percent


def _top1(found: Mapping) -> str:
    low, high = found['interval']
    return f'{percent(found["top1"])} % [{percent(low)}, {percent(high)}]'


def _share(value: float | None) -> str:
    return '–' if value is None else f'{percent(value)} %'


# A figure: its key, its name, what it says, and how it is written.
CHECKS: tuple[tuple[str, str, str, Callable[[Any], str]], ...] = (
    ('sharpness', 'sharpness', "gradient of brightness, as a share of train's", '{:.2f}'.format),
    ('one_nn', '1-NN two-sample test', 'images whose nearest neighbour is of their own set: 50 % where nobody can tell '
                                       'them from train', _share),
    ('kid', 'KID', 'kernel distance to train; around 0 for images like those', '{:.4f}'.format),
    ('precision', 'precision', 'these images inside the balls of train images', _share),
    ('recall', 'recall', 'train images inside the balls of these', _share),
    ('coverage', 'coverage', 'train images with one of these in their ball, mean over classes', _share),
    ('distance', 'nearest train image', "median distance, as a share of that image's own to the next one of train",
     '{:.2f}'.format),
    ('copies', 'nearer than 95 % of held-out images', 'copies lie near to what they are copies of', _share),
    ('recognised', 'recognised', 'their class is among the best of a classifier of real images', _share),
    ('as_test', 'trained on real, read on these', 'top-1, 95 % interval over seeds and images', _top1),
    ('as_train', 'trained on these, read on val', 'top-1, 95 % interval over seeds and images', _top1),
    ('fid', 'FID', 'of equal numbers of images', '{:.1f}'.format))


def table(rows: Mapping[str, Mapping]) -> list[dict]:
    """The figures that the rows have, as they are shown: ``name``, ``words`` and ``found``."""
    return [dict(name=name, words=words, found=[shown(row[key]) for row in rows.values()])
            for key, name, words, shown in CHECKS if all(key in row for row in rows.values())]


def _block(one: One) -> dict:
    metrics = one.content
    sheets = {kind: pictures.sheet(one.path.with_name(f'grid_{kind}.jpg'), 'synth') for kind in ('real', 'synthetic')}
    coverage = zip(*(row['coverage_by_class'] for row in metrics['figures'][0]['rows'].values()))
    return dict(name=one.name, metrics=metrics, grids=sheets,
                nearest=pictures.sheet(one.path.with_name('nearest.jpg'), 'synth'),
                spaces=[dict(space=space['feature_space'], heads=list(space['rows']), checks=table(space['rows']))
                        for space in metrics['figures']],
                coverage=[(label, list(map(_share, shares))) for label, shares in zip(metrics['classes'], coverage)],
                signs=[(f'a sign of {kind}', words) for kind, found in metrics['signs'].items() for words in found])


def render(found: Found) -> dict:
    return dict(blocks=[_block(one) for one in found.all(SYNTH)])


SECTION = Section(60, 'Synthetic images', (SYNTH,), render)
