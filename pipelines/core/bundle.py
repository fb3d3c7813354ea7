"""A trained chain in one folder, which can be copied anywhere: detector, classifiers, and what val says of them.

    card.json                       classes, crops, thresholds, temperature, digests, what it was trained on
    val.json                        confidence of the chain's answers on val, and whether each is right
    detector/                       config.py model.pth; not where the row sees full images
    classifier/seed<k>/             config.py model.pth
    probes/                         a few photographs of val, which an export is compared on

It is made of what the stages left in WORK/DATASET (`make`), lies in bundle/<row>/ there, and is up to date or made
again as any result. Prediction, export and serving read nothing else. Nothing in it was chosen on test.
"""
from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.core import calibration, coco, json_files, manifest, records
from pipelines.core.arguments import a_seed, a_share
from pipelines.core.card import CARD, FORMAT, VAL, describe
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import Cache, fingerprint
from pipelines.core.kinds import Kind
from pipelines.core.rows import Images
from pipelines.core.workspace import Workspace, trained_detector

PROBES = 4
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
    def probes(self) -> list[Path]:
        """Photographs of val."""
        return sorted((self.folder / 'probes').glob('*'))

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
        for number, path in enumerate(_probes(work)):
            (folder / 'probes').mkdir(exist_ok=True)
            shutil.copyfile(path, folder / 'probes' / f'{number}{path.suffix.lower()}')
        describe(folder, row, runs, found, work)

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
    found |= {f'probes/{number}': path for number, path in enumerate(_probes(work))}
    if detector:
        own = Workspace(detector.parents[2])
        found |= {f'detector/{file}': detector / file for file in _FILES}
        for path in (own.folder('convert') / 'val.json', own.folder('detect') / 'detections_val.json',
                     own.folder('detect') / 'metrics.json'):
            if path.is_file():
                found[f'detector/{path.name}'] = path
    return found


def _probes(work: Path) -> list[Path]:
    """Photographs of val, evenly over its ids; none where the images are not there."""
    convert = Workspace(work).folder('convert')
    if not (convert / 'val.json').is_file() or not (convert / 'images').is_dir():
        return []
    rows = coco.read(convert / 'val.json').images
    chosen = sorted(rows)[::-(-len(rows) // PROBES)]
    return [convert / 'images' / rows[number]['file_name'] for number in chosen]


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


def threshold(bundle: Bundle, conf: float | None) -> float | None:
    """The score from which on a detection counts; None: the row sees full images.

    Args:
        conf: as asked for; None: the bundle's own.
    Raises:
        InputError: nobody knows one.
    """
    if not bundle.detector:
        return None
    value = bundle.threshold if conf is None else conf
    if value is None:
        raise InputError('--conf', expected='a number, as no annotated val of the detector gives the threshold',
                         found='auto', remedy='say one: --conf 0.3')
    return value


# --- command lines ---

def score(text: str) -> float | None:
    """Of ``--conf``: a share, or auto."""
    return None if text == 'auto' else share(text)


def share(text: str) -> float:
    """Of an option: a number from 0 to 1, without 1."""
    if (value := a_share(text)) == 1:
        raise argparse.ArgumentTypeError('expected a number below 1, found 1')
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--work', type=Path, help='WORK/DATASET, whose stages have run')
    parser.add_argument('--row', metavar='RECIPE@IMAGES', help='of its table; default: the best on val')
    parser.add_argument('--seeds', type=a_seed, nargs='+', default=[], help='whose scores are averaged; default: all')
    parser.add_argument('--detector', type=Path, metavar='PATH', help='another run (WORK/DATASET), whose detector '
                        'finds the animals')
    parser.add_argument('--bundle', type=Path, metavar='FOLDER', help='in place of --work and --row: a bundle')


def of(args: argparse.Namespace) -> Bundle:
    """The bundle that a command line names.

    Raises:
        InputError: none, or one that cannot be made.
    """
    if args.bundle:
        return read(args.bundle)
    if not args.work:
        raise InputError('--work', expected='WORK/DATASET, or --bundle', found='neither',
                         remedy='e.g. --work work_dirs/cub --row efficientnet-lite0@square')
    return make(args.work, args.row or _headline(args.work), seeds=args.seeds, detector=args.detector)


def _headline(work: Path) -> str:
    """The row of classify's table that is best on val.

    Raises:
        InputError: no table, or none that says one.
    """
    path = Workspace(work).folder('classify') / 'table.json'
    found: str | None = json_files.read(path)['headline'] if path.is_file() else None
    if found is None:
        raise InputError('--row', expected='RECIPE@IMAGES, as no table says which row is best on val', found='nothing',
                         remedy='say one (ROW=...), or run make classify')
    print(f'[bundle] {found}, the best row on val', flush=True)
    return found
