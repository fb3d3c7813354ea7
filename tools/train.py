"""Train one recipe by itself, on the data of a dataset whose earlier stages have run.

    python tools/train.py mobilenet-v2@square --dataset cub --out work_dirs/try/square
    tools/dist_train.sh mm_configs/detect/faster-rcnn_r101_fpn.py 8 --dataset cub

A recipe is the name of a config in mm_configs/, or the path of one of yours; what a classifier sees stands behind an @
(pipelines/classify.py --help), full images where nothing does. The config is checked first (tools/lint_configs.py). OUT
gets model.pth, config.py, metrics.jsonl and logs/ (TensorBoard events, checkpoints). The same command goes on where it
was interrupted. To compare recipes over several seeds on the test split, make them rows of the table:
make classify ROWS="a@square b@square".
"""
from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import coco, files, fingerprint, machine
from pipelines.core.arguments import a_seed
from pipelines.core.errors import InputError, command
from pipelines.core.rows import CONFIGS, Images, Row, recipe
from pipelines.core.workspace import STAGES, Workspace
from pipelines.openmm.engine import config_files


@dataclass(frozen=True)
class Task:
    """What a command is about.

    Args:
        row: recipe and images; the images are a classifier's alone.
        stage: detect, synth or classify.
        work: WORK/DATASET.
        seed: of the training.
    """
    row: Row
    stage: str
    work: Workspace
    seed: int

    @property
    def out(self) -> Path:
        """Where the training lies unless the user says otherwise."""
        name = self.row.name if self.stage == 'classify' else self.row.config.stem
        return self.work.tried(self.stage, f'{name}-seed{self.seed}')

    def categories(self) -> list[dict]:
        return coco.read(self.work.folder('convert') / 'train.json').categories

    def lists(self) -> dict[str, list[str]]:
        """By split, what it may read, relative to the stage's data."""
        if self.stage == 'synth':
            return dict(train=['square_train.json'])
        return {split: self.row.images.lists([split]) if self.stage == 'classify' else [f'{split}.json']
                for split in coco.SPLITS}

    def parents(self, options: list[str]) -> dict[str, Path]:
        """``model.pth`` of the rows that a classifier starts from, which classify trained with the same seed.

        Raises:
            InputError: one is not there.
        """
        from pipelines.openmm.weights import parents
        found = {parent.name: self.work.model('classify', f'{parent.row.name}-seed{self.seed}') / 'model.pth'
                 for parent in parents.of(self.row, options)}
        for name in found:
            parents.file(name, found)
        return found

    def load(self, options: list[str]) -> Any:
        from pipelines.openmm.engine import config
        return config.load(self.row.config, data_root=self.work.data(self.stage), images=self.row.images,
                           num_classes=len(self.categories()), options=options)


def task_of(args: argparse.Namespace) -> Task:
    """From the arguments of `add_arguments`.

    Raises:
        InputError: no such recipe, or one that belongs to no stage.
    """
    name, _, images = args.config.partition('@')
    stages = [stage.name for stage in STAGES.values() if stage.trains]
    if '/' not in name and not name.endswith('.py'):
        known = [stage for stage in stages if (CONFIGS / stage / f'{name}.py').is_file()]
        path = recipe(name, known[0] if known else 'classify')
    else:
        path = recipe(name, 'classify')
    for file in reversed(config_files.files(path)):  # itself, then its bases
        if file.parent.parent == CONFIGS and file.parent.name in stages:
            return Task(Row(path, Images.parse(images or 'full')), file.parent.name,
                        Workspace(args.work / args.dataset), args.seed)
    raise InputError(path, expected='a recipe of mm_configs/{' + ','.join(stages) + '}/, or a child of one',
                     found='one with other bases', remedy='name a recipe in its _base_')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What tools/train.py and tools/test.py both ask for."""
    parser.add_argument('config', metavar='RECIPE[@IMAGES]', help='a config of mm_configs/, by name or path')
    parser.add_argument('--dataset', required=True, help='whose data it sees: WORK/DATASET')
    parser.add_argument('--work', type=Path, default=Path('work_dirs'), help='WORK of make (default: work_dirs)')
    parser.add_argument('--seed', type=a_seed, default=0, help='of the training (default: 0)')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides of config keys')
    parser.add_argument('--check', action='store_true', help='only look whether it can start')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--out', type=Path, help='folder (default: WORK/DATASET/tries/<stage>/<row>-seed<seed>)')
    args = parser.parse_args(argv)

    from pipelines.openmm.engine import threads
    threads.set_threads()
    task = task_of(args)
    out = args.out or task.out
    gpus = machine.number('WORLD_SIZE', 1)
    parents = task.parents(args.cfg_options)
    started = ''.join(f', from {name} {fingerprint.sha256(path)}' for name, path in sorted(parents.items()))
    made_from = f'{task.row.name} {config_files.digest(task.row.config, args.cfg_options)} seed {args.seed}, ' \
                f'{gpus} processes{started}\n'
    note = out / 'made-from.txt'
    if note.exists() and note.read_text() != made_from:
        raise InputError(out, expected=f'nothing, or a training of {made_from.strip()}', found=note.read_text().strip(),
                         remedy='choose another --out, or remove that folder')

    from pipelines.openmm.engine import as_built, devices, lint, training
    devices.check(machine.number('LOCAL_WORLD_SIZE', 1))
    lint.check([task.row.config], data_root=task.work.data(task.stage), categories=task.categories(),
               work=task.work.root, images=task.row.images, gpus=gpus, classifier_gpus=gpus, options=args.cfg_options)
    cfg = task.load(args.cfg_options)
    if args.check:
        return
    as_built.check(cfg, task.lists())
    if int(os.environ.get('RANK', 0)) == 0:  # renamed into place: the other processes read it meanwhile
        out.mkdir(parents=True, exist_ok=True)
        with files.replacing(note) as stream:
            stream.write(made_from)
    chosen = training.train(cfg, out, seed=args.seed, title=task.row.name, parents=parents)
    if int(os.environ.get('RANK', 0)) == 0:
        print(f'{out}: ' + (', '.join(f'{name} {value}' for name, value in chosen.items()) or 'trained'))
    training.leave()


if __name__ == '__main__':
    sys.exit(main())
