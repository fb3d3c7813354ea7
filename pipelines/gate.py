"""Say whether synthetic images may enter the training sets: use, harmful, undecided, collapsed or copying.

    python -m pipelines.gate --data work_dirs/dogs --out work_dirs/dogs/gate --recipe resnet50

First the figures of synth, which cost nothing: a generator that collapsed, or copies train, is judged by them. Of the
others' images those are kept whose class is among the best of a classifier of real train images, in

    synth/<generator>_kept/   images/ (links), train.json

and classifiers of the recipe are trained with them in place of real images with probability 0.1 and 0.3, and with real
ones alone, under the same seeds, for the same steps, to the last epoch. They are read on val; with --folds K, of a
generator that is not trained (its images name those that they were made of), on all of train and val, each image held
out once. The test split is not read. In --out:

    gate.json   verdicts, and what they are of: figures, signs, shares kept, gains with simultaneous bounds
    gate.txt    the same in lines

The trainings and their lists are in models/gate/. Only what changed is trained again; an interrupted run goes on. make
classify leaves out those of the profile's rows with images that the gate does not let in.
"""
from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import runs, trainings
from pipelines.core import admission, comparison, gate, gate_lists, json_files, lineage, manifest, rows, seconds
from pipelines.core.arguments import whole
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import Workspace
from pipelines.openmm.engine import config_files

if TYPE_CHECKING:
    import numpy as np

PROBABILITIES = (10, 30)  # percent
SEEDS = 5
_LAST_EPOCH = 'default_hooks.checkpoint.save_best=None'


@dataclass(frozen=True)
class Sweep:
    """The trainings that generators of one kind are judged by.

    Args:
        work: WORK/DATASET.
        recipe: of the classifiers.
        kind: of crop.
        generators: whose kept images they see.
        seeds: each setting is trained with each.
        folds: 1: val is held out.
        options: ``key=value`` overrides of the recipe.
    """
    work: Path
    recipe: Path
    kind: str
    generators: tuple[str, ...]
    seeds: int
    folds: int
    options: tuple[str, ...]

    def row(self, generator: str = '', percent: int = 0) -> rows.Row:
        """Of a setting; of real images alone where no generator is named."""
        return rows.Row(self.recipe, images_of(self.kind, generator, percent))

    @property
    def settings(self) -> list[tuple[str, int]]:
        return [('', 0), *((generator, percent) for generator in self.generators for percent in PROBABILITIES)]

    def runs(self) -> dict[tuple[str, int], list[list[runs.Run]]]:
        """By setting and seed, a run for each fold; writes their lists."""
        kept = [generator + admission.KEPT for generator in self.generators]
        places = gate_lists.write(self.work, Workspace(self.work).model('gate', ''), self.kind, kept, self.folds)
        return {setting: [[runs.Run(place, self.row(*setting), seed, Workspace(place).model('classify', ''),
                                    (*self.options, _LAST_EPOCH)) for place in places]
                          for seed in range(self.seeds)] for setting in self.settings}


def images_of(kind: str, generator: str = '', percent: int = 0) -> rows.Images:
    """What a row of the sweep sees."""
    return rows.Images.parse(f'{kind}+{generator}{admission.KEPT}-p{percent}' if generator else kind)


def judge(data: Path, out: Path, *, recipe: Path, generators: Sequence[str] = (), kind: str = 'square',
          seeds: int = SEEDS, top_k: int | None = None, fold_count: int = 1, train: bool = True,
          jobs: int | None = None, scheduler: str | None = None, options: Sequence[str] = ()) -> dict[str, Any]:
    """Run the stage.

    Args:
        data: WORK/DATASET.
        out: gets gate.json and gate.txt.
        recipe: of the classifiers.
        generators: results of synth; none: all that there are.
        kind: of crop.
        seeds: of each setting, 3 at least.
        top_k: the last place that an image's class may have; None: what synth says.
        fold_count: for images that name what they were made of.
        train: False: the figures of synth alone.
        jobs: trainings at the same time.
        scheduler: address of a Dask scheduler, whose workers train.
        options: ``key=value`` overrides of the recipe.
    Returns:
        the content of gate.json.
    Raises:
        InputError: no generator, or lists, configs and results that are missing or do not fit.
    """
    found = _generators(data, generators)
    manifest.check_chain(data, 'crop', *(f'synth/{name}' for name in found))
    manifest.check_outputs(data / 'crop', kind)
    for name in found:
        manifest.check_outputs(data / 'synth' / name, 'images')
    sound = [name for name, metrics in found.items() if not any(metrics['signs'].values())] if train else []
    shares = {name: keep(data, name, top_k or found[name]['top_k']) for name in sound}
    sweeps = _sweeps(data, recipe, kind, [name for name in sound if shares[name]['kept']], seeds, fold_count,
                     tuple(options))
    planned = [sweep.runs() for sweep in sweeps]
    todo = [run for plan in planned for by_seed in plan.values() for one in by_seed for run in one]
    trainings.do_all(todo, jobs, tested=False, scheduler=scheduler)

    @manifest.reading({result.folder: result.parameters for run in todo for result in (run.training(),)})
    def build(folder: Path) -> None:
        settings = sum(len(sweep.settings) - 1 for sweep in sweeps)
        measured: dict[str, Any] = {}
        for sweep, plan in zip(sweeps, planned):
            measured |= _measure(sweep, plan, settings)
        content = _content(found, shares, measured, kind)
        content |= dict(recipe=config_files.shown(recipe), kind=kind, seeds=seeds, trained=train,
                        probabilities=list(PROBABILITIES))
        json_files.write(folder / 'gate.json', content)
        (folder / 'gate.txt').write_text(as_text(content) + '\n')
        seconds.add(folder, dict(trainings=sum(seconds.read(run.folder).get(seconds.TOTAL, 0) for run in todo)),
                    dict(trainings=len(todo)))

    inputs = {f'synth/{name}/{file}': data / 'synth' / name / file for name in found
              for file in ('metrics.json', 'train.json')}
    inputs |= {f'{run.folder.relative_to(data)}/val.json': run.folder / 'val.json' for run in todo}
    manifest.produce(out, 'gate', dict(config_files.parameters(recipe, options), generators=list(found), kind=kind,
                                       seeds=seeds, top_k=top_k, folds=fold_count, trained=train), inputs, build,
                     packages=('numpy',), quick=True)
    print((out / 'gate.txt').read_text(), end='')
    content = json_files.read(out / 'gate.json')
    return dict(content)


def _generators(data: Path, asked: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The metrics of the generators that are judged, by name.

    Raises:
        InputError: one that is not there, or none is.
    """
    there = {path.parent.name: path for path in Workspace(data).results('synth')}
    for name in asked:
        if name not in there:
            raise InputError(f'generator {name}', expected=f'a result of synth: {", ".join(there) or "there is none"}',
                             found='nothing', remedy='run make synth SYNTH=... first')
    if not there:
        raise InputError(data / 'synth', expected='the images of a generator', found='none',
                         remedy='run make synth first')
    return {name: json_files.read(there[name]) for name in asked or there}


def keep(data: Path, generator: str, top_k: int) -> dict[str, Any]:
    """Make ``synth/<generator>_kept`` of the images whose class is among the best of a classifier of real images.

    Returns:
        `gate.kept`.
    """
    source, out = data / 'synth' / generator, data / 'synth' / (generator + admission.KEPT)
    classes, listed = lineage.read_list(source / 'train.json')
    shares = gate.kept([row['rank'] for row in listed], [row['gt_label'] for row in listed], top_k, len(classes))

    def build(folder: Path) -> None:
        chosen = [row for row in listed if row['rank'] <= top_k]
        for row in chosen:
            (path := folder / row['img_path']).parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _same_file(source / row['img_path'], path)
        lineage.write_list(folder / 'train.json', classes, chosen)

    if shares['kept']:
        manifest.produce(out, 'gate: keep', dict(generator=generator, top_k=top_k),
                         {f'synth/{generator}/train.json': source / 'train.json'}, build, resume=True)
    else:
        shutil.rmtree(out, ignore_errors=True)
    return shares


def _same_file(source: Path, path: Path) -> None:
    """A hard link; a copy, where the file system has none."""
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def _sweeps(data: Path, recipe: Path, kind: str, generators: list[str], seeds: int, fold_count: int,
            options: tuple[str, ...]) -> list[Sweep]:
    """Those that are judged on val, and those that can be judged on all of train and val."""
    free = [name for name in generators if fold_count > 1 and gate_lists.is_of_parents(
        lineage.read_list(data / 'synth' / (name + admission.KEPT) / 'train.json')[1])]
    common = Sweep(data, recipe, kind, (), seeds, 1, options)
    parts = [replace(common, generators=tuple(name for name in generators if name not in free)),
             replace(common, generators=tuple(free), folds=fold_count)]
    return [sweep for sweep in parts if sweep.generators]


def _right(by_seed: list[list[runs.Run]]) -> np.ndarray:
    """(S, N) whether each seed is right on the held-out images of all folds."""
    import numpy as np

    found = []
    for one in by_seed:
        results = [comparison.read(run.folder / 'val.json') for run in one]
        found.append(np.concatenate([result['scores'].argmax(axis=1) == result['label'] for result in results]))
    return np.stack(found)


def _measure(sweep: Sweep, plan: Mapping[tuple[str, int], list[list[runs.Run]]], settings: int) -> dict[str, Any]:
    """By generator of a sweep, its gains; ``real`` of the classifiers without, and the power of the sweep."""
    right = {setting: _right(by_seed) for setting, by_seed in plan.items()}
    real = right.pop(('', 0))
    gains = dict(zip(right, gate.gains(list(right.values()), real, tests=settings)))
    shared = dict(folds=sweep.folds, held_out=int(real.shape[1]), real=float(real.mean()), seeds=len(real),
                  power=gate.power(list(gains.values()), real.shape[1], len(real)))
    return {name: dict(shared, sweep=[(percent, gain) for (other, percent), gain in gains.items() if other == name])
            for name in sweep.generators}


def _content(found: Mapping[str, Any], shares: Mapping[str, Any], measured: Mapping[str, Any], kind: str
             ) -> dict[str, Any]:
    generators, let_in = [], []
    for name, metrics in found.items():
        one = dict(measured.get(name, {}))
        sweep = one.pop('sweep', ())
        word, why, percent = gate.verdict(metrics['signs'], sweep)
        if word == gate.UNDECIDED and name in shares and not shares[name]['kept']:
            why = 'a classifier of real images recognises none of them'
        images = str(images_of(kind, name, percent)) if percent else None
        let_in += [images] if images else []
        generators.append(dict(
            name=name, verdict=word, why=why, images=images, kept=shares.get(name), figures=metrics['figures'][0],
            signs=metrics['signs'], **one, gains=[dict(percent=percent, **asdict(gain)) for percent, gain in sweep]))
    classes = next(iter(found.values()))['classes']
    return dict(classes=classes, let_in=let_in, generators=generators)


def as_text(content: Mapping[str, Any]) -> str:
    """gate.json in lines."""
    lines = []
    for one in content['generators']:
        lines.append(f'[gate] {one["name"]}: {one["verdict"].upper()}: {one["why"]}')
        reference, drawn = one['figures']['rows'].values()
        lines.append('  ' + '  '.join(f'{name} {drawn[key]:.3g} (real {reference[key]:.3g})' for key, name in (
            ('sharpness', 'sharpness'), ('one_nn', '1-NN'), ('kid', 'KID'), ('copies', 'near copies'),
            ('recognised', 'recognised'))))
        if one['kept']:
            lines.append(f'  kept: {100 * one["kept"]["kept"]:.0f} % (class among the best {one["kept"]["top_k"]})')
        lines += [f'  p {gain["percent"] / 100}: {100 * gain["value"]:+.1f} points '
                  f'[{100 * gain["interval"][0]:+.1f}, {100 * gain["interval"][1]:+.1f}]' for gain in one['gains']]
        lines += [f'  {one["power"]}'] if 'power' in one else []
    return '\n'.join([*lines, '[gate] let in: ' + (', '.join(content['let_in']) or 'nothing')])


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.gate', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='WORK/<dataset>: holds crop/ and synth/')
    parser.add_argument('--out', type=Path, help='folder for the verdicts (default: gate/ in there)')
    parser.add_argument('--recipe', required=True, help='of the classifiers: a name in mm_configs/classify, or a path')
    parser.add_argument('--generators', nargs='+', default=[], metavar='NAME', help='results of synth (default: all)')
    parser.add_argument('--kind', default='square', help='of crop (default: square)')
    parser.add_argument('--seeds', type=whole(1), default=SEEDS, metavar='N',
                        help=f'of each setting (default: {SEEDS})')
    parser.add_argument('--folds', type=whole(1), default=1, metavar='K',
                        help='hold out each image of train and val once, where nothing was trained to draw the images: '
                             'K times the trainings, and a far smaller gain is seen (default: 1: val is held out)')
    parser.add_argument('--top-k', type=whole(1), metavar='K', help='keep images whose class is among the K best of a '
                        'classifier of real images (default: a twentieth of the classes)')
    parser.add_argument('--figures-only', action='store_true', help='train nothing: say what collapsed, what copies')
    parser.add_argument('--jobs', type=whole(1),
                        help='trainings at the same time (default: one per GPU, else one per CPU)')
    parser.add_argument('--scheduler', metavar='ADDRESS', help='of a Dask cluster, whose workers train')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides of the recipe')
    args = parser.parse_args(argv)
    for option, value, least in (('--seeds', args.seeds, 3), ('--folds', args.folds, 1), ('--top-k', args.top_k, 1)):
        if value is not None and value < least:
            raise InputError(option, expected=f'{least} or more', found=str(value), remedy='choose a larger number')
    judge(args.data, args.out or args.data / 'gate', recipe=rows.recipe(args.recipe, 'classify'),
          generators=args.generators, kind=args.kind, seeds=args.seeds, top_k=args.top_k, fold_count=args.folds,
          train=not args.figures_only, jobs=args.jobs, scheduler=args.scheduler, options=args.cfg_options)


if __name__ == '__main__':
    sys.exit(main())
