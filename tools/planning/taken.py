"""What finished trainings took, by the record beside each (`pipelines.core.seconds`): more than a short measurement."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.core import records, seconds
from pipelines.core.kinds import Kind
from pipelines.core.rows import Images
from pipelines.openmm.engine import config_files
from tools.planning import measured
from tools.planning.measured import Need, Rates


def rates(work: Path, found: Mapping[Need, Mapping[str, Any]]) -> dict[Need, Rates]:
    """Rates of recipes that were trained here before, in any dataset of WORK, under the conditions of the measurement.

    Args:
        work: WORK, with the datasets' folders.
        found: measurements, by need.
    """
    rows = [row for folder in sorted(work.glob('*/models/*/*')) if (row := _row(folder))]
    result = {}
    for need, record in found.items():
        digests = {config_files.digest(need.config), config_files.digest(need.config, unread=['sampling'])}
        same = [row for row in rows if row['stage'] == need.stage and row['config'] in digests
                and (need.stage != 'classify' or row['kind'] == need.kind and row['jobs'] == need.processes)
                and (need.stage == 'classify' or row['processes'] == need.processes)
                and all(row['made'].get(name) == record['conditions'][name] for name in ('device', 'cpu', 'threads'))]
        if iterations := sum(row['iterations'] for row in same):
            images = sum(row['val_images'] for row in same)
            shared = 1 if need.stage == 'classify' else need.processes  # by so many processes val is read
            before = measured.rates(record)
            infer = sum(row['validation'] for row in same) * shared / images if images else before.infer
            result[need] = replace(before, train=sum(row['training'] for row in same) / iterations, infer=infer, save=0,
                                   taken=True)
    return result


def _row(folder: Path) -> dict[str, Any] | None:
    """What is to know of a finished training; checkpoints and logging are in its iterations."""
    content, spent = records.found(folder), seconds.read(folder)
    counts, parameters = spent.get('counts', {}), content.get('parameters', {})
    if not content.get('made') or not counts.get('iterations') or parameters.get('options'):
        return None
    return dict(stage=folder.parent.name, config=parameters.get('config_sha256'), made=content['made'][-1],
                kind=Kind.parse(Images.parse(parameters.get('images', 'full')).kind).shape,
                processes=parameters.get('processes', 1), jobs=spent.get('jobs', 1), iterations=counts['iterations'],
                training=sum(spent.get(part, 0) for part in ('loading', 'step', 'hooks')),
                validation=spent.get('validation', 0), val_images=counts.get('val images', 0))
