"""What a bundle's card says, counted from what the stages left: classes, crops, thresholds, temperature, digests."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import calibration, coco, json_files, lineage, manifest, records, thresholds
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import fingerprint
from pipelines.core.rows import Images
from pipelines.core.workspace import Workspace

CARD, VAL = 'card.json', 'val.json'
FORMAT = 1


def groups(classes: Sequence[str], super_classes: Sequence[str]) -> NDArray[np.float64]:
    """(C, G) 1 where a class belongs to a super-class, these in the order in which they occur first."""
    names = list(dict.fromkeys(super_classes))
    return np.array([[float(own == name) for name in names] for own in super_classes]).reshape(len(classes), len(names))


def describe(folder: Path, row: str, runs: dict[int, Path], detector: Path | None, work: Path
              ) -> None:
    """Write the card, and what val says.

    Args:
        folder: of the bundle, with its models.
        row: its row.
        runs: the classifiers' trainings, by seed.
        detector: its training.
        work: WORK/DATASET.
    Raises:
        InputError: seeds of different classes or val images.
    """
    space, lists = Workspace(work), work / Images.parse(row.partition('@')[2]).lists(['val'])[0]
    classes = lineage.read_list(lists)[0]
    categories = json_files.read(lists)['metainfo'].get('categories') or []
    parents = [str(one.get('supercategory') or 'object') for one in categories] or ['object'] * len(classes)
    labels, scores = _on_val(runs, classes)
    fitted = calibration.temperature(labels, scores)
    calibrated = calibration.tempered(scores, fitted['value'])
    member = groups(classes, parents)
    levels = {'class': (calibrated, labels)}
    if member.shape[1] > 1:
        levels['super-class'] = (calibrated @ member, member[labels].argmax(axis=1))
    json_files.write(folder / VAL, {level: dict(
        confidence=np.round(values.max(axis=1), 6).tolist(), right=(values.argmax(axis=1) == truth).tolist())
        for level, (values, truth) in levels.items()}, indent=None)
    cropped = json_files.read(space.folder('crop') / 'summary.json')['parameters']
    cache = records.known(folder.parent)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())
    json_files.write(folder / CARD, dict(
        format=FORMAT, row=row, seeds=sorted(runs), classes=classes, super_classes=parents,
        crop=dict(kind=Images.parse(row.partition('@')[2]).kind, min_size=cropped['min_size'],
                  size=cropped['size']),
        detector=_detector(detector), temperature=fitted,
        val=dict(images=len(labels), top1=round(float((calibrated.argmax(axis=1) == labels).mean()), 4)),
        trained_on=_trained_on(space, runs),
        files={name: fingerprint(folder / name, cache, inside=Path(name).name)[0] for name in files}))


def _on_val(runs: dict[int, Path], classes: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels, and scores averaged over seeds, of val's images.

    Raises:
        InputError: seeds that were not trained on the same classes and judged on the same images.
    """
    read = {folder: json_files.read(folder / VAL) for folder in runs.values()}
    first = next(iter(read.values()))
    for folder, content in read.items():
        if content['classes'] != classes or any(content[key] != first[key] for key in ('image_id', 'label')):
            raise InputError(folder / VAL, expected='the classes and val images of the other seeds and of crop',
                             found='others', remedy='run make classify again')
    return np.array(first['label']), np.mean([content['scores'] for content in read.values()], axis=0)


def _detector(folder: Path | None) -> dict[str, Any] | None:
    """What is known of a detector, its threshold from its own dataset's val."""
    if folder is None:
        return None
    own = Workspace(folder.parents[2])
    truth, results = own.folder('convert') / 'val.json', own.folder('detect') / 'detections_val.json'
    facts: dict[str, Any] = dict(value=None, images=0, animals=0)
    agnostic, classes = True, None
    if truth.is_file():
        of_val = coco.read(truth)
        classes = len(of_val.classes)
        if results.is_file():
            summary = json_files.read(own.folder('detect') / 'metrics.json')
            agnostic = bool(summary['class_agnostic'])
            if summary.get('box_source') == 'det':
                facts = thresholds.detections(of_val, json_files.read(results), class_agnostic=agnostic)
    return dict(recipe=folder.name, dataset=folder.parents[2].name, class_agnostic=agnostic, classes=classes,
                threshold=facts)


def _trained_on(space: Workspace, runs: dict[int, Path]) -> dict[str, Any]:
    """Dataset, images, and the digests of the lists, as the first run's manifest and val's predictions have them."""
    first = next(iter(runs.values()))
    rows = manifest.found(first).get('inputs', [])
    return dict(dataset=space.root.resolve().name, images=json_files.read(first / VAL).get('train_images'),
                lists={row['path']: row['sha256'] for row in rows if row['path'].endswith('.json')},
                weights={row['path']: row['sha256'] for row in rows if not row['path'].endswith('.json')})
