"""Train the same classifier on several training sets and say which one helped, and how surely.

    python -m pipelines.classify --data work_dirs/dogs --out work_dirs/dogs/classify --seeds 0 1 2 \\
        --rows mm_configs/classify/dogs/resnet50_{full,box,square,square_synth,square_scratch}.py

A row of the table is an mmpretrain config; the first one is the row that the others are compared with (and a config
can name another row beside it: `compared_with = 'resnet50_square'`). Each row is trained once per seed on train, its
epoch chosen on val, and read once on the official test:

    models/classify/<row>-seed<k>/   model.pth, config.py, metrics.jsonl, test.json, logs/ (TensorBoard, checkpoints)
    --out                            table.json, table.txt, predictions/<row>-seed<k>.json

Only runs whose config, lists or images changed are trained again. Intervals are bootstrapped over test images, p values
are McNemar's, Holm-corrected (pipelines/core/statistics.py).
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from pipelines.core import comparison, json_files, lineage, manifest, tables
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files

PACKAGES = ('torch', 'onedl-mmengine', 'onedl-mmpretrain')
IMAGES = {'crop/full': 'convert/images'}  # a link: its files are recorded as what crop read


@dataclass(frozen=True)
class Run:
    """One training: a row of the table and a seed."""
    data: Path
    config: Path
    seed: int
    models: Path
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f'{self.config.stem}-seed{self.seed}'

    @property
    def folder(self) -> Path:
        return self.models / self.name

    def parameters(self) -> dict:
        return dict(config=config_files.shown(self.config), seed=self.seed,
                    config_sha256=config_files.digest(self.config, list(self.options)))

    def load(self):
        from pipelines.openmm.engine import config as mm
        from pipelines.openmm.engine import threads
        threads.set_threads()
        classes, _ = lineage.read_list(self.data / 'crop' / 'full_test.json')
        return mm.load(self.config, data_root=self.data, num_classes=len(classes), options=self.options)

    def inputs(self) -> dict[str, Path | dict]:
        """What the training reads: the config decides. It is not parsed where an equal one was parsed before."""
        from pipelines.openmm.weights import loading as weights
        files = weights.check(self.config)
        try:
            before = manifest.load(self.folder)
            names = [row['path'] for row in before['inputs'] if row['path'] not in files]
            known = before['parameters'] == self.parameters()
        except (OSError, ValueError, KeyError):
            known = False
        if not known:
            from pipelines.openmm.classify import classification
            found = [name for lists in classification.lists(self.load()).values() for name in lists]
            folders = ['synth/images' if name.startswith('synth/') else name.rsplit('_', 1)[0] for name in found]
            names = sorted({*found, *(IMAGES.get(folder, folder) for folder in folders)})
        recorded: dict[str, dict] = {}
        for stage in {name.split('/')[0] for name in names} - {'convert'} | {'crop'}:
            rows = manifest.recorded(self.data / stage)
            recorded |= {path if '/' in path else f'{stage}/{path}': row for path, row in rows.items()}
        missing = [name for name in names if name not in recorded]
        if missing:
            raise InputError(self.data / missing[0], expected=f'what {self.config} reads', found='nothing',
                             remedy='correct the file name in the config, or run make crop synth again')
        return {**files, **{name: self.data / name if name.endswith('.json') else recorded[name] for name in names}}


def train(run: Run) -> None:
    """Train one run and read the test list with it; or find it up to date."""
    inputs = run.inputs()

    def build(folder: Path) -> None:
        from pipelines.openmm.classify import classification
        from pipelines.openmm.engine import training
        from pipelines.openmm.weights import loading as weights
        cfg = run.load()
        names = classification.lists(cfg)
        classes, test = lineage.read_list(run.data / names['test'][0])
        for name in names['train']:
            lineage.check_training_list(run.data / name, {row['image_id'] for row in test})
        chosen = training.train(cfg, folder, seed=run.seed, title=f'[classify] {run.name}')
        scores = classification.predict(cfg, weights.load(folder / 'model.pth'))
        if len(scores) != len(test):
            raise RuntimeError(f'{len(scores)} predictions for {len(test)} test images')
        result = dict(classes=classes, image_id=[row['image_id'] for row in test],
                      label=[row['gt_label'] for row in test],
                      scores=[[float(f'{value:.5g}') for value in row] for row in scores],
                      best_epoch=chosen.get('best_epoch'), train_images=classification.train_images(cfg))
        (folder / 'test.json').write_text(json.dumps(result))

    manifest.produce(run.folder, f'classify: {run.name}', run.parameters(), inputs, build, packages=PACKAGES,
                     resume=True)


def _start_worker(devices: multiprocessing.Queue) -> None:
    """Give a worker process its device: a GPU, or a CPU thread and a line of the terminal."""
    line, gpu = devices.get()
    if gpu is not None:
        os.environ['CUDA_VISIBLE_DEVICES'] = gpu
    os.environ['TQDM_POSITION'] = str(line + 1)  # below the bar over all runs
    multiprocessing.set_start_method(None, force=True)  # mmengine warns of another than it sets, as spawn's own


def train_all(runs: list[Run], jobs: int | None) -> None:
    """Train what is not up to date, several runs at a time: one per GPU, else one per free CPU.

    Raises:
        InputError: the first of any run; the others are stopped, and go on in the next call.
    """
    outdated = [run for run in runs if not manifest.is_current(run.folder, f'classify: {run.name}', run.parameters(),
                                                               run.inputs(), packages=PACKAGES)]
    if len(outdated) < len(runs):
        print(f'[classify] {len(runs) - len(outdated)} of {len(runs)} runs are up to date')
    if not outdated:
        return
    from pipelines.openmm.engine import threads
    free = threads.free_cpus()
    threads.set_threads()

    import torch
    from tqdm import tqdm
    count = torch.cuda.device_count()
    gpus = os.environ.get('CUDA_VISIBLE_DEVICES', ','.join(map(str, range(count)))).split(',') if count else []
    jobs = min(jobs or len(gpus) or free, len(outdated))
    os.environ['FGIC_JOBS'] = str(jobs)  # they share the CPUs that load images
    if jobs == 1:
        for number, run in enumerate(outdated, 1):
            print(f'[classify] run {number} of {len(outdated)}')
            train(run)
        return
    if not gpus:
        os.environ['OMP_NUM_THREADS'] = str(max(1, free // jobs))
    context = multiprocessing.get_context('spawn')
    devices = context.Queue()
    for number in range(jobs):
        devices.put((number, gpus[number % len(gpus)] if gpus else None))
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (devices,))
    try:
        done = as_completed([pool.submit(train, run) for run in outdated])
        for future in tqdm(done, '[classify] runs', len(outdated), unit='run', dynamic_ncols=True):
            future.result()
    except BrokenProcessPool:
        raise InputError('a classifier\'s training', expected='to run to its end', found='its process was killed',
                         remedy='probably the memory ran out: run it again with JOBS=1 (--jobs 1)') from None
    finally:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:  # after the last run they are idle; after an error or Ctrl-C they are not waited for
            worker.terminate()


def _row(config: Path) -> comparison.Row:
    parent = config_files.compared_with(config)
    return comparison.Row(config.stem, config_files.title(config), config_files.shown(config),
                          (parent,) if parent else ())


def classify(data: Path, out: Path, models: Path, *, rows: list[Path], seeds: list[int], jobs: int | None = None,
             options: tuple[str, ...] = ()) -> dict:
    """Run the stage.

    Args:
        data: folder of a dataset: holds crop/ and, for rows that use it, synth/.
        out: gets the table and the predictions.
        models: gets a folder per run.
        rows: mmpretrain configs; the first is the one compared with.
        seeds: each row is trained with each.
        jobs: runs at the same time; None: one per GPU, else one per free CPU.
        options: ``key=value`` overrides of all the configs.
    Returns:
        the manifest of ``out``.
    Raises:
        InputError: missing or unfitting lists, configs or weights.
    """
    for option, values in (('--rows', [row.stem for row in rows]), ('--seeds', seeds)):
        if len(set(values)) < len(values):
            raise InputError(option, expected='each once', found=' '.join(map(str, values)),
                             remedy='rename a config, or leave the repeated value out')
    tested = len(lineage.read_list(data / 'crop' / 'full_test.json')[1])
    if tested < 2:
        raise InputError(data / 'crop/full_test.json', expected='at least 2 test images, for an interval',
                         found=str(tested), remedy='add test images to the dataset')
    runs = [Run(data, config, seed, models, tuple(options)) for config in rows for seed in seeds]
    train_all(runs, jobs)

    def build(folder: Path) -> None:
        (folder / 'predictions').mkdir()
        for run in runs:
            shutil.copyfile(run.folder / 'test.json', folder / 'predictions' / f'{run.name}.json')
        results: dict[str, dict[int, dict]] = {}
        for run in runs:
            results.setdefault(run.config.stem, {})[run.seed] = json_files.read(run.folder / 'test.json')
        table = comparison.tabulate([_row(config) for config in rows], results)
        json_files.write(folder / 'table.json', table)
        (folder / 'table.txt').write_text(tables.as_text(table) + '\n')

    parameters = dict(rows=[config_files.shown(row) for row in rows], seeds=seeds,
                      titles=[config_files.title(row) for row in rows],
                      compared_with=[config_files.compared_with(row) for row in rows])
    manifest.produce(out, 'classify', parameters,
                     {f'models/classify/{run.name}/test.json': run.folder / 'test.json' for run in runs}, build,
                     packages=('scikit-learn', 'scipy'))
    print((out / 'table.txt').read_text(), end='')
    return manifest.load(out)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.classify', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='folder of the dataset, with crop/ and synth/ in it')
    parser.add_argument('--out', type=Path, required=True, help='folder for the table')
    parser.add_argument('--models', type=Path, help='folder for the runs (default: OUT/../models/classify)')
    parser.add_argument('--rows', type=Path, nargs='+', required=True, metavar='CONFIG',
                        help='mm configs, a row each; the first is compared with')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='(default: 0 1 2)')
    parser.add_argument('--jobs', type=int, help='runs at the same time (default: one per GPU, else one per free CPU); '
                                                 '1 where memory is short')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides for all the rows')
    args = parser.parse_args(argv)
    classify(args.data, args.out, args.models or args.out.absolute().parent / 'models' / 'classify', rows=args.rows,
             seeds=args.seeds, jobs=args.jobs, options=tuple(args.cfg_options))


if __name__ == '__main__':
    sys.exit(main())
