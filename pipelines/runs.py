"""A training as the unit: a row of the table and a seed, trained once, and read on the test split when it is asked for.

    models/classify/<row>-seed<k>/   model.pth, config.py, metrics.jsonl, val.json, logs/ (TensorBoard, checkpoints)
    models/tested/<row>-seed<k>/     test.json

Training depends on what it may see: the lists and images of train and val. The test split is a result of its own, so
other test images do not train anything again.
"""
from __future__ import annotations

import copy
import functools
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import fingerprint, ledger, lineage, machine, manifest, seconds
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
        return {split: self.row.images.lists([split]) for split in SPLITS}

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
        return Result(self.folder, f'classify: {self.name}', self.parameters(),
                      {**weights.check(self.row.config, self.options), **self.inputs('train', 'val')})

    def read(self, test: str) -> ledger.Read:
        """For the ledger: that the trained run was read on a test split (its digest)."""
        return ledger.Read(self.row.name, self.seed, manifest.recorded(self.folder)['model.pth']['sha256'], test)

    def testing(self) -> Result:
        return Result(self.tested, f'classify: {self.name} on test', dict(row=self.row.name, seed=self.seed),
                      {**self.inputs('test'), 'model.pth': self.folder / 'model.pth',
                       'config.py': self.folder / 'config.py'})


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
        chosen = training.train(cfg, folder, seed=run.seed, title=f'[classify] {run.name}')
        _predict(run, as_trained, 'val', folder / 'model.pth', folder, best_epoch=chosen.get('best_epoch'),
                 train_images=splits['train'].images)

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


def _do(run: Run, tested: bool) -> None:
    train(run)
    if tested:
        test(run)


def _start_worker(devices: multiprocessing.Queue, parent: int) -> None:
    """Give a worker process its device: a GPU, or a CPU thread and a line of the terminal."""
    machine.die_with_parent(parent)
    line, gpu = devices.get()
    if gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = gpu
    os.environ['TQDM_POSITION'] = str(line + 1)  # below the bar over all runs
    multiprocessing.set_start_method(None, force=True)  # mmengine warns of another than it sets, as spawn's own


def check(runs: Sequence[Run]) -> None:
    """Before the first training: the recipe of every row is sound, and what it builds reads the row's lists.

    Raises:
        InputError: everything that is wrong with the recipes, or the first row that reads something else.
    """
    from pipelines.openmm.engine import as_built, lint
    rows = {run.row.name: run for run in runs}.values()
    if found := [finding for run in rows for finding in lint.findings(
            run.row.config, data_root=run.work, categories=lint.named(run.rows('test')[0]), images=run.row.images,
            options=run.options)]:
        raise lint.FoundError(found)
    for run in rows:
        as_built.check(run.load(), run.lists())


def do_all(runs: list[Run], jobs: int | None, *, tested: bool = True) -> None:
    """Train what is not up to date, and read test with it, several runs at a time: one per GPU, else one per CPU.

    Args:
        runs: in the order in which they start.
        jobs: at the same time.
        tested: False: the test split stays shut.
    Raises:
        InputError: the first of any run; the others are stopped, and go on in the next call.
    """
    outdated = [run for run in runs
                if not run.training().is_current() or tested and not run.testing().is_current()]
    if len(outdated) < len(runs):
        if other := sum(manifest.other_code(run.folder, Path(__file__)) for run in runs if run not in outdated):
            print(f'[classify] {other} runs were made by other code than this (AGAIN=1 makes them anew)')
        print(f'[classify] {len(runs) - len(outdated)} of {len(runs)} runs are up to date')
    if not outdated:
        return
    from pipelines.openmm.engine import threads
    threads.spin_briefly()
    gpus = devices.gpus()
    jobs = jobs or len(gpus) or machine.cpus()
    threads.set_threads(jobs)  # not of how many runs there are left: the threads decide a run's last bits
    check(outdated)
    jobs = min(jobs, len(outdated))
    os.environ['FGIC_JOBS'] = str(jobs)  # they share the CPUs that load images
    if jobs == 1:
        for number, run in enumerate(outdated, 1):
            print(f'[classify] run {number} of {len(outdated)}')
            _do(run, tested)
        return
    _in_processes(outdated, jobs, gpus, tested)


def _in_processes(runs: list[Run], jobs: int, gpus: list[str], tested: bool) -> None:
    from tqdm import tqdm
    context = multiprocessing.get_context('spawn')
    devices = context.Queue()
    for number in range(jobs):
        devices.put((number, gpus[number % len(gpus)] if gpus else None))
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (devices, os.getpid()))
    try:
        done = as_completed([pool.submit(_do, run, tested) for run in runs])
        for future in tqdm(done, '[classify] runs', len(runs), unit='run', dynamic_ncols=True):
            future.result()
    except BrokenProcessPool:
        raise InputError('a classifier\'s training', expected='to run to its end', found='its process was killed',
                         remedy='probably the memory ran out: run it again with JOBS=1 (--jobs 1)') from None
    finally:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:  # after the last run they are idle; after an error or Ctrl-C they are not waited for
            worker.terminate()
