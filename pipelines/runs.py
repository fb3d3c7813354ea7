"""A training as the unit: a row of the table and a seed, trained once, and read on the test split when it is asked for.

    models/classify/<row>-seed<k>/   model.pth, config.py, metrics.jsonl, val.json, logs/ (TensorBoard, checkpoints)
    models/tested/<row>-seed<k>/     test.json

Training depends on what it may see: the lists and images of train and val. The test split is a result of its own, so
other test images do not train anything again. A run may start from another row's of the same seed (``model://``):
that one is trained first, and its weights are inputs. A recipe with ``pretraining = True`` is only a start for others:
it leaves a model and curves, and no predictions.
"""
from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import fingerprint, ledger, lineage, manifest, seconds
from pipelines.core.coco import SPLITS
from pipelines.core.errors import InputError
from pipelines.core.rows import Row
from pipelines.openmm.engine import config_files, devices

if TYPE_CHECKING:
    from mmengine import Config

PACKAGES = ('numpy', 'onedl-mmcv', 'onedl-mmengine', 'onedl-mmpretrain', 'opencv-python-headless', 'pillow', 'timm',
            'torch', 'torchvision')


@dataclass(frozen=True)
class Run:
    """One training.

    Args:
        work: WORK/DATASET.
        row: of the table.
        seed: of the training.
        models: folder of the runs.
        options: ``key=value`` overrides of the config.
    """
    work: Path
    row: Row
    seed: int
    models: Path
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f'{self.row.name}-seed{self.seed}'

    @property
    def folder(self) -> Path:
        return self.models / self.name

    @property
    def tested(self) -> Path:
        name = 'tested' if self.models.name == 'classify' else f'{self.models.name}-tested'  # each --models its own
        return self.models.parent / name / self.name

    @property
    def pretrains(self) -> bool:
        """Whether it is only a start for others."""
        return config_files.is_pretraining(self.row.config)

    def parents(self) -> dict[str, Run]:
        """The runs that this one starts from, by the names that its config gives them.

        Raises:
            InputError: it names a row that there cannot be; the error names the line.
        """
        from pipelines.openmm.weights import parents
        return {parent.name: replace(self, row=parent.row) for parent in parents.of(self.row, self.options)}

    def ancestors(self) -> list[Run]:
        """All runs that have to be trained before this one, in an order in which they can be.

        Raises:
            InputError: as `parents`, or a row that starts from itself by way of others.
        """
        from pipelines.openmm.weights import parents
        return [replace(self, row=row) for row in parents.ancestors(self.row, self.options)]

    def parameters(self) -> dict:
        return dict(config_files.parameters(self.row.config, self.options), images=str(self.row.images), seed=self.seed)

    def load(self) -> Config:
        from pipelines.openmm.engine import config as mm
        from pipelines.openmm.engine import threads
        threads.set_threads()
        return mm.load(self.row.config, data_root=self.work, num_classes=len(self.rows('test')[0]),
                       images=self.row.images, options=self.options)

    def rows(self, split: str) -> tuple[list[str], list[dict]]:
        """Class names and rows of the real images of a split."""
        return lineage.read_list(self.work / self.row.images.lists([split])[0])

    def lists(self) -> dict[str, list[str]]:
        """By split, the lists that its images are in, relative to `work`."""
        return {split: self.row.images.lists([split]) for split in (SPLITS if not self.pretrains else ('train', 'val'))}

    def inputs(self, *splits: str) -> dict[str, Path]:
        """The lists of these splits, which hold the SHA-256 of every image in them.

        Raises:
            InputError: a list is not there.
        """
        lists = {name: self.work / name for name in self.row.images.lists(splits)}
        for name, path in lists.items():
            if not path.exists():
                raise InputError(path, expected=f'what the row {self.row.name} sees', found='nothing',
                                 remedy=f'make {name.split("/")[0]} first, or correct what stands behind the @')
        return lists

    def training(self) -> Result:
        from pipelines.openmm.weights import loading as weights
        started = {f'models/{self.models.name}/{parent.name}/{file}': parent.folder / file
                   for parent in self.parents().values() for file in ('model.pth', 'config.py')}
        return Result(self.folder, f'classify: {self.name}', self.parameters(),
                      {**weights.check(self.row.config, self.options), **self.inputs('train', 'val'), **started})

    def read(self, test: str) -> ledger.Read:
        """For the ledger: that the trained run was read on a test split (its digest)."""
        return ledger.Read(self.row.name, self.seed, manifest.recorded(self.folder)['model.pth']['sha256'], test)

    def testing(self) -> Result:
        return Result(self.tested, f'classify: {self.name} on test', dict(row=self.row.name, seed=self.seed),
                      {**self.inputs('test'), 'model.pth': self.folder / 'model.pth',
                       'config.py': self.folder / 'config.py'})

    def is_current(self, *, tested: bool) -> bool:
        """Whether it is trained, and with ``tested`` read on test, from what lies there now; so are those before it."""
        return all(parent.is_current(tested=False) for parent in self.parents().values()) \
            and self.training().is_current() and (not tested or self.testing().is_current())


@dataclass(frozen=True)
class Result:
    """What `manifest.produce` is told of a folder."""
    folder: Path
    stage: str
    parameters: dict
    inputs: dict[str, Path]

    def is_current(self) -> bool:
        return manifest.is_current(self.folder, self.stage, self.parameters, self.inputs, packages=PACKAGES,
                                   source=Path(__file__))

    def produce(self, build: Callable[[Path], None], *, resume: bool = False) -> bool:
        return manifest.produce(self.folder, self.stage, self.parameters, self.inputs, build, packages=PACKAGES,
                                resume=resume, conditions=devices.conditions)


def train(run: Run) -> None:
    """Train one run, its epoch chosen on val, and predict val with it; or find it up to date."""
    result = run.training()

    def build(folder: Path) -> None:
        from pipelines.openmm.engine import as_built, training
        cfg = run.load()
        splits = as_built.check(cfg, run.lists())
        as_trained = copy.deepcopy(cfg)  # not read again: the file may be edited while it trains
        chosen = training.train(cfg, folder, seed=run.seed, title=f'[classify] {run.name}',
                                parents={name: parent.folder / 'model.pth' for name, parent in run.parents().items()})
        if not run.pretrains:
            _predict(run, as_trained, 'val', folder / 'model.pth', folder, best_epoch=chosen.get('best_epoch'),
                     train_images=splits['train'].images, train_counts=splits['train'].counts)

    result.produce(build, resume=True)


def test(run: Run) -> None:
    """Read the test split with a trained run, and enter that in the ledger; or find it up to date."""
    @manifest.reading(run.folder, run.parameters())
    def build(folder: Path) -> None:
        _predict(run, run.load(), 'test', run.folder / 'model.pth', folder)
        ledger.enter(run.work / ledger.NAME, [run.read(ledger.split_of(run.work / run.row.images.lists(['test'])[0]))])

    run.testing().produce(build)


def readings(work: Path, tested: Path, test: str) -> list[ledger.Read]:
    """What results of `test` say of readings of a test split.

    Args:
        work: WORK/DATASET.
        tested: folder of the results.
        test: the split: `ledger.split_digest`.
    """
    split = functools.cache(lambda name: (fingerprint.sha256(work / name), ledger.split_of(work / name)))
    found = []
    for path in sorted(tested.glob(f'*/{manifest.NAME}')):
        content = manifest.found(path.parent)
        inputs = {row['path']: row['sha256'] for row in content.get('inputs', ())}
        lists = [name for name in inputs if name.startswith('crop/') and (work / name).is_file()]
        if lists and split(lists[0]) == (inputs[lists[0]], test):
            found.append(ledger.Read(content['parameters']['row'], content['parameters']['seed'], inputs['model.pth'],
                                     test))
    return found


def _predict(run: Run, cfg: Config, split: str, model: Path, folder: Path, **more: object) -> None:
    """Write ``<split>.json``: softmax of every image of the list, with its id and label.

    Raises:
        InputError: scores that are no numbers: the training diverged.
    """
    from pipelines.openmm.classify import classification
    classes, rows = run.rows(split)
    with seconds.part(folder, 'prediction', images=len(rows)):
        scores = classification.predict(cfg, model, run.work / run.lists()[split][0], split)
    (folder / f'{split}.json').write_text(json.dumps(dict(
        classes=classes, image_id=[row['image_id'] for row in rows], label=[row['gt_label'] for row in rows],
        scores=[[float(f'{value:.5g}') for value in row] for row in scores], **more)))
