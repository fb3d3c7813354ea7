"""Train classifiers on several training sets and say which one helped, and how surely.

    python -m pipelines.classify --data work_dirs/dogs --out work_dirs/dogs/classify --seeds 0 1 2 \\
        --rows resnet50@full resnet50@box resnet50@square resnet50@square+biggan-deep_256px resnet50_scratch@square

A row of the table is RECIPE@IMAGES: a config of mm_configs/classify (or the path of one of yours), and what it sees:

    full, box, square   the kind of crop; -mNN behind it: a margin of NN % (else 10), -gt: annotated boxes in all splits
    -ltNN               a long tail of the training images: the first class has NN times as many as the last
    +GENERATOR          synthetic images of that result of synth in training, as many as real ones; -xNN: NN % as many;
                        -pNN: a real image gives way to a synthetic one of its class with a probability of NN %, whose
                        label is softened to 0.8

However many synthetic images there are, an epoch is as long as that of the real ones: rows are compared at equal steps.

The first row is the one that the others are compared with; each is compared with the row that it is a change of, too.
Each is trained once per seed on train, its epoch chosen on val, and read on the official test (not with --test no).
A recipe that starts from another row's model (model://ROW) has that row trained first, with the same seed; a recipe
with pretraining = True is only such a start. Neither need be named here, and rows that are not have no line:

    models/classify/<row>-seed<k>/   model.pth, config.py, metrics.jsonl, val.json, logs/ (TensorBoard, checkpoints)
    --out                            table.json, table.txt, predictions/<row>-seed<k>{,-val}.json

Every reading of the test split is entered in WORK/DATASET/test_reads.json, and p values are corrected for all
comparisons that were ever made on it. With --test no it stays shut, and the table compares on val.

Only what its config, lists or images changed for is trained or read again.

A batch system without a Dask scheduler trains one run in each job: --list, --only, tools/slurm_classify.sh.
"""
from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

from pipelines import runs, trainings
from pipelines.core import admission, comparison, json_files, ledger, lineage, manifest, rows, tables
from pipelines.core.arguments import a_seed, whole
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import Workspace
from pipelines.openmm.classify import cost
from pipelines.openmm.engine import config_files


def classify(data: Path, out: Path, models: Path, *, table_rows: list[rows.Row], seeds: list[int],
             jobs: int | None = None, tested: bool = True, options: tuple[str, ...] = (),
             scheduler: str | None = None, only: int | None = None) -> dict | None:
    """Run the stage.

    Args:
        data: WORK/DATASET: holds crop/ and, for rows that use it, synth/.
        out: gets the table and the predictions.
        models: gets a folder per run.
        table_rows: the first is the one compared with.
        seeds: each row is trained with each.
        jobs: runs at the same time; None: one per GPU, else one per CPU.
        tested: False: the test split stays shut, and the table is made of val.
        options: ``key=value`` overrides of all the configs.
        scheduler: address of a Dask scheduler, whose workers train.
        only: the number of the one run to train, rows first; None: all of them, and the table.
    Returns:
        the manifest of ``out``; None where only one run was trained.
    Raises:
        InputError: missing or unfitting lists, configs or weights.
    """
    _check_asked(data, table_rows, seeds, tested)
    wanted = [runs.Run(data, row, seed, models, tuple(options)) for row in table_rows for seed in seeds]
    todo, every = [run for run in wanted if not run.pretrains], trainings.with_ancestors(wanted)
    if not todo:
        raise InputError('--rows', expected='a row that classifies', remedy='add one that starts from it (model://ROW)',
                         found=f'{table_rows[0].name}, which is only a start for others')
    if only is not None and not 0 <= only < len(wanted):
        raise InputError('--only', expected=f'a number below {len(wanted)}, the number of runs', found=str(only),
                         remedy='see them with --list')
    _check_made(data, every)
    if only is not None:
        trainings.do_all([wanted[only]], 1, tested=tested, scheduler=scheduler)
        return None
    trainings.do_all(wanted, jobs, tested=tested, scheduler=scheduler)
    costs = {run.row.name: cost.of(run.folder, run.load) for run in todo if run.seed == seeds[0]}
    table_rows = list(dict.fromkeys(run.row for run in todo))
    entries = [entry(row, table_rows) for row in table_rows]
    starts = [entry(row) for row in dict.fromkeys(run.row for run in every) if row not in table_rows]
    used = _enter(data, entries, todo) if tested else None

    @manifest.reading({result.folder: result.parameters for run in todo
                       for result in (run.training(), *([run.testing()] if tested else []))})
    def build(folder: Path) -> None:
        (folder / 'predictions').mkdir()
        results: dict[str, dict[str, dict[int, dict]]] = {split: {} for split in files}
        for (split, by_run), run in itertools.product(files.items(), todo):
            results[split].setdefault(run.row.name, {})[run.seed] = comparison.read(by_run(run))
            shutil.copyfile(by_run(run), folder / 'predictions' / f'{run.name}{"" if split == "test" else "-val"}.json')
        counts = dict(family=used.comparisons, reads=used.reads) if used else {}
        table = comparison.tabulate(entries, results.get('test'), results['val'], starts=starts, costs=costs, **counts)
        json_files.write(folder / 'table.json', table)
        (folder / 'table.txt').write_text(tables.as_text(table) + '\n')

    files = dict(val=lambda run: run.folder / 'val.json',
                 **(dict(test=lambda run: run.tested / 'test.json') if tested else {}))
    parameters = dict(rows=[row.name for row in table_rows], starts=[row.name for row in starts], seeds=seeds,
                      titles=[row.title for row in entries],
                      configs=[row.config for row in entries], parents=[row.parents for row in entries],
                      **(dict(comparisons=used.comparisons, test_reads=used.reads) if used else dict(test='no')))
    inputs = {f'models/{path.parent.parent.name}/{run.name}/{path.name}': path for run in todo
              for path in (by_run(run) for by_run in files.values())}
    manifest.produce(out, 'classify', parameters, inputs, build,
                     packages=('numpy', 'scipy'), quick=True)
    print((out / 'table.txt').read_text(), end='')
    print(f'\n{tables.speeds(costs)}')
    return manifest.load(out)


def _check_asked(data: Path, table_rows: list[rows.Row], seeds: list[int], tested: bool) -> None:
    """Each row and seed once, and images enough."""
    for option, values in (('--rows', [row.name for row in table_rows]), ('--seeds', seeds)):
        if len(set(values)) < len(values):
            raise InputError(option, expected='each once', found=' '.join(map(str, values)),
                             remedy='rename a config, or leave the repeated value out')
    for split in ('val', 'test') if tested else ('val',):
        path = data / table_rows[0].images.lists([split])[0]
        if (count := len(lineage.read_list(path)[1])) < 2:
            raise InputError(path, expected=f'at least 2 {split} images, for an interval', found=str(count),
                             remedy=f'add {split} images to the dataset')


def _check_made(data: Path, every: list[runs.Run]) -> None:
    """The images that runs see are what crop and synth made last, of the same data."""
    manifest.check_chain(data, *sorted({name.rpartition('/')[0] for run in every for name in run.row.images.lists()}))
    for images in {run.row.images for run in every}:
        manifest.check_outputs(data / 'crop', images.kind)
        if images.generator:
            manifest.check_outputs(data / 'synth' / images.generator, 'images')


def _enter(data: Path, entries: list[comparison.Row], todo: list[runs.Run]) -> ledger.Count:
    """Enter what the table reads and compares in the ledger of the test split; how much that was used by now.

    Results that were read and are not in it, as after it was removed, are entered, too.
    """
    test = ledger.split_of(data / todo[0].row.images.lists(['test'])[0])
    known = {tuple(read[key] for key in ('row', 'seed', 'digest', 'test'))
             for read in ledger.load(data / ledger.NAME)['reads']}
    earlier = [read for read in runs.readings(data, todo[0].tested.parent, test) if astuple(read) not in known]
    if earlier:
        print(f'[classify] {len(earlier)} readings of test that {todo[0].tested.parent.name}/ holds were not in '
              f'{ledger.NAME}: they are entered')
    ledger.enter(data / ledger.NAME, [*earlier, *(run.read(test) for run in todo)], comparison.pairs(entries).all,
                 test=test)
    return ledger.count(data / ledger.NAME, test)


def entry(row: rows.Row, table_rows: Sequence[rows.Row] = ()) -> comparison.Row:
    """A row as the table shows it: its title, and the rows that it is a change of.

    Args:
        table_rows: all of the table. One of them that is called as a parent, but has another file, is not the parent.
    """
    files = {one.name: one.config.resolve() for one in table_rows}

    def name(recipe: Path, images: rows.Images) -> str:
        short = f'{recipe.stem}@{images}'
        return short if files.get(short, recipe) == recipe else f'{config_files.shown(recipe)}@{images}'

    recipes: list[Path] = []
    above = config_files.parent(row.config)
    while above is not None:
        recipes.append(above)
        above = config_files.parent(above)
    named = config_files.compared_with(row.config)
    parents = [named if '@' in named else f'{named}@{row.images}'] if named else []
    simpler = [name(row.config.resolve(), images) for images in row.images.simpler()]
    full = [one for one in simpler if one.endswith('@full')]
    parents += [one for one in simpler if one not in full] + [name(one, row.images) for one in recipes] + full
    return comparison.Row(row.name, f'{config_files.title(row.config)}, {row.images.words}',
                          config_files.shown(row.config), tuple(dict.fromkeys(parents)))


def available(table_rows: list[rows.Row], data: Path) -> list[rows.Row]:
    """The rows whose images there are, synthetic ones as the gate lets them in; of the others it is said why they are
    left out.

    Raises:
        InputError: there are images for none of them.
    """
    kept, judged = [], admission.judged(data)
    for row in table_rows:
        images, why = admission.admitted(row.images, judged)
        missing = [name for name in (images or row.images).lists() if not (data / name).exists()]
        if missing or images is None:
            print(f'[classify] without {row.name}: {f"there is no {missing[0]}" if missing else why}')
        elif (known := replace(row, images=images)) not in kept:
            kept.append(known)
            if why:
                print(f'[classify] {known.name}{f" in place of {row.name}" * (known != row)}: {why}')
    if not kept:
        raise InputError(data / 'crop', expected='images for one row at least', found='none',
                         remedy='run make crop first')
    return kept


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.classify', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='folder of the dataset, with crop/ and synth/ in it')
    parser.add_argument('--out', type=Path, required=True, help='folder for the table')
    parser.add_argument('--models', type=Path, help='folder for the runs (default: OUT/../models/classify)')
    parser.add_argument('--rows', nargs='+', required=True, metavar='RECIPE@IMAGES',
                        help='a row each; the first is compared with')
    parser.add_argument('--skip-missing', action='store_true',
                        help='leave rows out whose images are not there, or which a gate kept out')
    parser.add_argument('--seeds', type=a_seed, nargs='+', default=[0, 1, 2], help='(default: 0 1 2)')
    parser.add_argument('--test', choices=('yes', 'no'), default='yes',
                        help='no: keep the test split shut and compare on val, until the end (default: yes)')
    parser.add_argument('--jobs', type=whole(1), help='runs at the same time (default: one per GPU, else one '
                        'per CPU); 1 where memory is short')
    parser.add_argument('--scheduler', metavar='ADDRESS', help='train on a Dask cluster instead: tcp://host:8786')
    parser.add_argument('--list', action='store_true', help='print the runs, each on a line, and do nothing')
    parser.add_argument('--only', type=whole(0), metavar='N', help='of the runs that --list prints, train '
                        'the Nth alone (from 0), and make no table')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides for all the rows')
    args = parser.parse_args(argv)
    table_rows = [rows.Row.parse(text) for text in args.rows]
    if args.skip_missing:
        table_rows = available(table_rows, args.data)
    if args.list:
        print('\n'.join(f'{row.name} seed {seed}' for row in table_rows for seed in args.seeds))
        return
    classify(args.data, args.out, args.models or Workspace(args.out.absolute().parent).model('classify', ''),
             table_rows=table_rows, seeds=args.seeds, jobs=args.jobs, tested=args.test == 'yes',
             options=tuple(args.cfg_options), scheduler=args.scheduler, only=args.only)


if __name__ == '__main__':
    sys.exit(main())
