"""A trained chain in one folder, which can be copied anywhere: detector, classifiers, and what val says of them.

    card.json                       classes, crops, thresholds, temperature, digests, what it was trained on
    val.json                        confidence of the chain's answers on val, and whether each is right
    detector/                       config.py model.pth; not where the row sees full images
    classifier/seed<k>/             config.py model.pth

It is made of what the stages left in WORK/DATASET (`make`), lies in bundle/<row>/ there, and is up to date or made
again as any result. Prediction, export and serving read nothing else. Nothing in it was chosen on test.
"""
from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import calibration, coco, json_files, lineage, manifest, records, thresholds
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import Cache, fingerprint
from pipelines.core.kinds import Kind
from pipelines.core.rows import Images
from pipelines.core.workspace import Workspace, trained_detector

CARD, VAL = 'card.json', 'val.json'
FORMAT = 1
_FILES = ('config.py', 'model.pth')
_AGAIN = 'make it again from WORK/DATASET, or copy the whole folder'


@dataclass(frozen=True)
class Bundle:
    """A bundle's folder, read.

    Args:
        folder: holds `CARD`.
        card: its content.
    """
    folder: Path
    card: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        found: list[str] = self.card['classes']
        return found

    @cached_property
    def groups(self) -> list[str]:
        """The super-classes, each once; empty where the set has fewer than two, as one says nothing."""
        found = list(dict.fromkeys(self.card['super_classes']))
        return found if len(found) > 1 else []

    @property
    def kind(self) -> Kind:
        return Kind.parse(self.card['crop']['kind'])

    @property
    def detector(self) -> Path | None:
        """The folder with the detector's config and weights."""
        return self.folder / 'detector' if self.card['detector'] else None

    @property
    def classifiers(self) -> list[Path]:
        return [self.folder / 'classifier' / f'seed{seed}' for seed in self.card['seeds']]

    @property
    def threshold(self) -> float | None:
        """Of the detector's scores; None: nobody knows one."""
        found: float | None = self.card['detector']['threshold']['value'] if self.card['detector'] else None
        return found

    @property
    def temperature(self) -> float | None:
        found: float | None = self.card['temperature']['value']
        return found

    def unsure_below(self, target: float) -> dict[str, dict[str, Any]]:
        """By level (``class``, ``super-class``), what `calibration.unsure_below` says of val."""
        content = json_files.read(self.folder / VAL)
        return {level: calibration.unsure_below(rows['confidence'], rows['right'], target)
                for level, rows in content.items()}


def read(folder: Path) -> Bundle:
    """A bundle whose files are those that its card names.

    Raises:
        InputError: no bundle, one of another format, or a file that is not the one that the card names.
    """
    try:
        card = json_files.read(folder / CARD)
        if card['format'] != FORMAT:
            raise ValueError(f'format {card["format"]}')
        files, _ = dict(card['files']), (card['classes'], card['crop'], card['seeds'], card['temperature'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(folder / CARD, expected=f'the card of a bundle, format {FORMAT}', remedy=_AGAIN,
                         found='nothing' if isinstance(error, OSError) else f'{type(error).__name__}: {error}'
                         ) from None
    cache: Cache = records.known(folder.absolute().parent)
    for name, sha256 in files.items():
        path = folder / name
        if not path.is_file() or fingerprint(path, cache, inside=path.name)[0] != sha256:
            raise InputError(path, expected='the file that the card names', remedy=_AGAIN,
                             found='another' if path.is_file() else 'nothing')
    return Bundle(folder, card)


def groups(classes: Sequence[str], super_classes: Sequence[str]) -> NDArray[np.float64]:
    """(C, G) 1 where a class belongs to a super-class, these in the order in which they occur first."""
    names = list(dict.fromkeys(super_classes))
    return np.array([[float(own == name) for name in names] for own in super_classes]).reshape(len(classes), len(names))


def make(work: Path, row: str, *, seeds: Sequence[int] = (), detector: Path | None = None) -> Bundle:
    """Gather a row's chain.

    Args:
        work: WORK/DATASET, whose stages detect, crop and classify have run.
        row: RECIPE@IMAGES.
        seeds: of the classifiers, whose scores are averaged; none: all that were trained.
        detector: another run's (its WORK/DATASET, or the folder of the training); None: the one that the boxes of
            ``work`` are of.
    Raises:
        InputError: something is not there, or was made of another state.
    """
    recipe, _, sees = row.partition('@')
    row = f'{Path(recipe).stem if recipe.endswith(".py") else recipe}@{sees or "full"}'
    images, runs = Images.parse(sees or 'full'), _runs(work, row, seeds)
    if images.kind == 'full' and detector:
        raise InputError('--detector', expected=f'none, as {row} sees full images', found=str(detector),
                         remedy='leave it out, or take a row that sees crops')
    found = _detector_of(work, detector) if images.kind != 'full' else None
    inputs = _inputs(work, images, runs, found)
    for path in inputs.values():
        if not path.is_file():
            raise InputError(path, expected=f'what the chain of {row} is made of', found='nothing',
                             remedy='run make classify (or the stage whose folder this is) first')
    manifest.check_chain(work, *(f'models/classify/{folder.name}' for folder in runs.values()))
    name = row + (f'-seeds{"-".join(map(str, sorted(runs)))}' if seeds else '')
    out = work / 'bundle' / (f'{name}-by-{found.parents[2].name}' if found and detector else name)

    def build(folder: Path) -> None:
        for seed, run in runs.items():
            _copy(run, folder / 'classifier' / f'seed{seed}')
        if found:
            _copy(found, folder / 'detector')
        _describe(folder, row, runs, found, work)

    manifest.produce(out, 'bundle', dict(row=row, seeds=sorted(runs), detector=found.name if found else None), inputs,
                     build, packages=('numpy', 'scipy'), quick=True)
    return read(out)


def _detector_of(work: Path, other: Path | None) -> Path:
    """The folder of the detector.

    Raises:
        InputError: ``work`` has none of its own, and no other is named.
    """
    boxes = Workspace(work).folder('detect') / 'metrics.json'
    if not other and boxes.is_file() and (source := json_files.read(boxes).get('box_source', 'det')) != 'det':
        raise InputError(work, expected='a detector of its own', found=f'boxes that were {source} (BOXES_FROM)',
                         remedy='name a run whose detector is to find the animals: --detector WORK/DATASET')
    return trained_detector(other or work)


def _inputs(work: Path, images: Images, runs: dict[int, Path], detector: Path | None) -> dict[str, Path]:
    """What a bundle is made of, by the name it is recorded under."""
    found = {f'models/classify/{folder.name}/{file}': folder / file for folder in runs.values()
             for file in (*_FILES, VAL)}
    for name in (images.lists(['val'])[0], 'crop/summary.json'):
        found[name] = work / name
    if detector:
        own = Workspace(detector.parents[2])
        found |= {f'detector/{file}': detector / file for file in _FILES}
        for path in (own.folder('convert') / 'val.json', own.folder('detect') / 'detections_val.json',
                     own.folder('detect') / 'metrics.json'):
            if path.is_file():
                found[f'detector/{path.name}'] = path
    return found


def _runs(work: Path, row: str, seeds: Sequence[int]) -> dict[int, Path]:
    """The trainings of a row, by seed."""
    models = Workspace(work).model('classify', '')
    found = {int(number): path.parent for path in sorted(models.glob(f'{row}-seed*/model.pth'))
             if (number := path.parent.name[len(row) + 5:]).isdigit()}
    missing = [seed for seed in seeds if seed not in found]
    if not found or missing:
        there = sorted({path.parent.name.rpartition('-seed')[0] for path in models.glob('*/model.pth')})
        raise InputError(models, expected=f'trained classifiers {row}-seed{missing[0] if missing else "<k>"}',
                         found=f'the rows {", ".join(there)}' if there else 'none',
                         remedy=f'make classify ROWS="{row}", or name one of these')
    return {seed: found[seed] for seed in (seeds or sorted(found))}


def _copy(source: Path, target: Path) -> None:
    """A training's config and weights; the same bytes on the disk where the file system can."""
    target.mkdir(parents=True)
    for name in _FILES:
        try:
            os.link(source / name, target / name)  # results are never written in place
        except OSError:
            shutil.copyfile(source / name, target / name)


def _describe(folder: Path, row: str, runs: dict[int, Path], detector: Path | None, work: Path
              ) -> None:
    """Write the card, and what val says."""
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
