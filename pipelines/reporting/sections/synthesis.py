"""Synthetic images, a block for each generator, and what their quality figures mean."""
from __future__ import annotations

from collections.abc import Mapping

from pipelines.reporting import pictures
from pipelines.reporting.found import Found, One
from pipelines.reporting.section import Section
from pipelines.reporting.stages import SYNTH
from pipelines.reporting.words import percent


def sentences(metrics: Mapping) -> list[str]:
    """What the quality figures of synthetic images mean."""
    tested, quality = metrics['train_on_synthetic'], metrics['precision_recall']
    found = [
        f'A classifier ({tested["classifier"]}) trained on synthetic images alone gets {percent(tested["top1"])} % of '
        f'the real {tested["evaluated_on"]} images right; trained on real images {percent(tested["real_top1"])} %, by '
        f'chance {percent(tested["chance"])} %.',
        f'Precision {quality["precision"]:.2f}: this share of synthetic images lies among the real ones. Recall '
        f'{quality["recall"]:.2f}: this share of real images lies among the synthetic ones ({quality["k"]} nearest '
        f'neighbours, {quality["real"]} real and {quality["synthetic"]} synthetic images, features: '
        f'{quality["feature_space"]}).']
    if metrics['fid'] is not None:
        found.append(f'FID {metrics["fid"]:.1f}.')
    return [*found, metrics['fid_note']] if metrics['fid_note'] else found


def _block(one: One) -> dict:
    grids = {kind: pictures.sheet(one.path.with_name(f'grid_{kind}.jpg'), 'synth') for kind in ('real', 'synthetic')}
    return dict(name=one.name, metrics=one.content, grids=grids, sentences=sentences(one.content))


def render(found: Found) -> dict:
    return dict(blocks=[_block(one) for one in found.all(SYNTH)])


SECTION = Section(60, 'Synthetic images', (SYNTH,), render)
