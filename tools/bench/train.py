"""Measure training and inference: the libraries' own configs against ours, and both against the machine's limits.

    make bench-train                                        all of it: --size full on a GPU, --size small without one
    python -m tools.bench.train --only classify             detect, synth, classify: some of them
    python -m tools.bench.train --config A.py               any config of mm_configs/ against its stock counterpart
    python -m tools.bench.train --config A.py --against B.py      or against another one
    python -m tools.bench.train --config A.py --against A.py --cfg-options KEY=VALUE ...     or what an option does
    python -m tools.bench.train --only classify --phase train       its training alone
    python -m tools.bench.train --config A.py --profile FOLDER      and where a step's time goes, by operator

Fresh processes in turn, round by round; a rate is that of the median time, a ratio has its range over the rounds.
"With its loader" is the Runner's loop with real files, hooks, logging, metric; "step alone" the same network on one
batch that is on the device already, optimiser included: where the two differ, the loader or the hooks limit. In
training, images are those read from files; a GAN's discriminator sees each once, for the generator's turns there are
none. Sampling has no loader: there it is the stage's function, up to pixels in memory, and the generator alone. What
comes first in a process is not timed: on a CPU 1 to 3 iterations, on a GPU 24 to 64.

Equal on both sides: pictures (drawn, 560 x 336), image size, batch, number of classes (8), random weights, seed,
threads. All else is each side's own: tools/bench/train_sides.py. Nothing is downloaded.

Memory is the most that tensors held on the GPU in the step alone, or, without one, that the process ever held. FLOPs
are counted by torch (matrix products, convolutions, attention) in a real step; bytes are those of every operator's
operands and results, what would move if each read and wrote memory: fused operators and caches move less, so their
share can pass 100 %.
Shares are of what a large matrix product or convolution in the same precision, and a large copy, reach on this machine,
measured at the start and at the end. Run it on an idle machine: it says where the machine is not.

The last lines are a table in Markdown.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputError, command, some_of
from pipelines.openmm.engine import threads
from tools.bench import measure, train_kept, train_sides
from tools.bench.measure import ROOT


@dataclass(frozen=True)
class Case:
    """A network at one size.

    Args:
        what: in the table.
        leaf: the config of ours.
        batch: of both sides, in training and inference; None: the leaf's own.
        iterations: timed, of each figure.
        warm_up: before those, not timed; on a GPU long enough for what workers loaded meanwhile to be used up.
        options: overrides that make it small.
    """
    what: str
    leaf: Path
    batch: int | None
    iterations: int
    warm_up: int
    options: tuple[str, ...] = ()


def _sized(scale: int, *, train: int, pad: bool) -> tuple[str, ...]:
    """Overrides for square images: where a pipeline resizes, and pads after that."""
    return tuple(f'{part}_dataloader.dataset.pipeline.{number}.{key}=({scale},{scale})'
                 for part, start in (('train', train), ('val', 1), ('test', 1))
                 for number, key in ((start, 'scale'), *(((start + 1, 'size'),) if pad else ())))


CONFIGS = ROOT / 'mm_configs'
CASES = dict(
    full=[
        Case('Faster R-CNN R-101-FPN, 1333x800', CONFIGS / 'detect/faster-rcnn_r101_fpn.py', 16, 100, 64),
        Case('BigGAN-deep, 256 px', CONFIGS / 'synth/biggan-deep_256px.py', 64, 64, 24),
        Case('ResNet-50, 224 px', CONFIGS / 'classify/resnet50_224px.py', 256, 100, 64),
        Case('ResNet-50, 448 px', CONFIGS / 'classify/resnet50-448px.py', 64, 100, 64)],
    small=[
        Case('Faster R-CNN R-50-FPN, 160 px', CONFIGS / 'detect/faster-rcnn_r50_fpn.py', 2, 3, 1,
             _sized(160, train=2, pad=False)),
        Case('BigGAN-deep, 64 px', CONFIGS / 'synth/biggan-deep_64px.py', 8, 8, 2),
        Case('ResNet-50, 64 px', CONFIGS / 'classify/resnet50_224px.py', 16, 12, 3,
             _sized(64, train=1, pad=True))])
PHASES = dict(train='training', infer='inference')
# Images per second asked of one GPU, by a part of its name.
AIMS = dict(
    H200={('ResNet-50, 224 px', 'train'): 5500, ('ResNet-50, 448 px', 'train'): 1450,
          ('Faster R-CNN R-101-FPN, 1333x800', 'train'): 110, ('Faster R-CNN R-101-FPN, 1333x800', 'infer'): 400,
          ('BigGAN-deep, 256 px', 'infer'): 4000, ('BigGAN-deep, 256 px', 'train'): 300},
    A100={('ResNet-50, 224 px', 'train'): 2500, ('ResNet-50, 448 px', 'train'): 600,
          ('Faster R-CNN R-101-FPN, 1333x800', 'train'): 45, ('Faster R-CNN R-101-FPN, 1333x800', 'infer'): 180,
          ('BigGAN-deep, 256 px', 'infer'): 1500, ('BigGAN-deep, 256 px', 'train'): 100})
FACTOR = 2  # asked against stock, of the full sizes on a GPU
HEAD = ('what', 'asked', '{other}, img/s', '{own}, img/s', 'ratio', 'peak MB', 'of the FLOP limit', 'of the byte limit',
        'verdict')


@dataclass(frozen=True)
class Found:
    """What the processes of a comparison said, by round; `tools.bench.train_child` has the keys."""
    case: Case
    phase: str
    other: list[dict[str, Any]]
    own: list[dict[str, Any]]


def aim(device: str, case: Case, phase: str) -> int | None:
    words = re.split(r'[ -]', device)  # a GH200 is no H200
    return next((aims.get((case.what, phase)) for name, aims in AIMS.items() if name in words), None)


def _rate(seconds: float) -> str:
    """Per second, with three figures."""
    return f'{1 / seconds:#.3g}' if seconds > 0.01 else f'{1 / seconds:,.0f}'


def _pair(other: str, own: str) -> str:
    return f'{other} / {own}'


def rows(found: Found, limits: dict[str, float], device: str) -> list[str]:
    """Two rows of the table: with the loader, and the step alone."""
    from tools.bench.train_work import Work, share

    sides, result = (found.other, found.own), []
    sampling = train_sides.stage_of(found.case.leaf) == 'synth' and found.phase == 'infer'
    names = (dict(loop='to pixels', step='generator alone') if sampling else
             dict(loop='with its loader', step='step alone'))
    asks = device != 'CPU' and found.case.what in {case.what for case in CASES['full']}
    for figure, name in names.items():
        seconds = [[said[figure] for said in side] for side in sides]
        value, words = measure.ratio(*seconds)
        medians = [measure.median(each) for each in seconds]
        shares = [share(Work(Counter(side[0]['flops']), side[0]['traffic']), each, limits)
                  for side, each in zip(sides, medians)]
        flops = [sum(side[0]['flops'].values()) for side in sides]
        if not 0.9 < flops[0] / flops[1] < 1.1:
            words += ', not the same work'
        rate = aim(device, found.case, found.phase)
        asked = ', '.join([*([f'{rate:,} img/s'] if rate else []), f'{FACTOR}x']) if asks else ''
        verdict = ('holds' if value >= FACTOR and 1 / medians[1] >= (rate or 0) else 'missed') if asks else ''
        peaks = [f'{max(said["peak_mb"] for said in side):,.0f}' for side in sides]
        impossible = ', so that limit was measured too low'
        cells = [f'{found.case.what}, {"sampling" if sampling else PHASES[found.phase]}, {name}', asked,
                 *map(_rate, medians), words,
                 _pair(*peaks) if figure == 'loop' else '',
                 _pair(*(f'{of_flops:.0%}' for of_flops, _ in shares)) + impossible * (max(shares)[0] > 1),
                 _pair(*(f'{of_bytes:.0%}' for _, of_bytes in shares)), verdict]
        result.append(f'| {" | ".join(cells)} |')
    return result


def work_per_image(found: Found) -> str:
    """What was counted."""
    def words(said: dict[str, Any]) -> str:
        flops = ' + '.join(f'{count / 1e9:.3g} {name}' for name, count in sorted(said['flops'].items()))
        return f'{flops} GFLOP and {said["traffic"] / 1e6:,.0f} MB'

    return (f'- {found.case.what}, {PHASES[found.phase]}, batch {found.own[0]["images"]}: '
            + _pair(words(found.other[0]), words(found.own[0])))


def compare(case: Case, work: Path, rounds: int, against: Path | None, environment: dict[str, str],
            profile: Path | None = None, phases: Sequence[str] = tuple(PHASES)) -> Iterator[Found]:
    """Both sides of a case, in the phases asked for; with ``profile``, a folder, a table of operators of each."""
    def job(side: str, leaf: Path, stock: bool, options: Sequence[str]) -> str:
        return json.dumps(dict(leaf=str(leaf), stock=stock, work=str(work), options=list(options), batch=case.batch,
                               warm_up=case.warm_up, iterations=case.iterations,
                               profile=profile and str(profile / f'{leaf.stem}-{side}')))

    other_name = against.stem if against else 'stock'
    jobs = {f'{other_name}, the other side': job('other', against or case.leaf, not against,
                                                 () if against else case.options),
            f'{case.leaf.stem}, ours': job('ours', case.leaf, False, case.options)}
    for phase in phases:
        print(f'[{case.what}: {PHASES[phase]}]', flush=True)
        start = time.monotonic()
        runs = measure.alternate({
            side: partial(measure.run, 'tools.bench.train_child', phase, text, environment=environment,
                          cpus=len(os.sched_getaffinity(0))) for side, text in jobs.items()}, rounds)
        other, own = ([run.said for run in each] for each in runs.values())
        found = Found(case, phase, other, own)
        print(f'{work_per_image(found)}\n  ({time.monotonic() - start:.0f} s)', flush=True)
        yield found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser('tools.bench.train', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', choices=CASES, help='default: full on a GPU, else small')
    parser.add_argument('--only', default=','.join(train_sides.DATA), metavar='STAGES', help='default: %(default)s')
    parser.add_argument('--phase', nargs='+', choices=PHASES, default=[*PHASES], help='default: both')
    parser.add_argument('--case', metavar='TEXT', default='', help='of --only, those whose name has this in it')
    parser.add_argument('--config', type=Path, metavar='LEAF', help='this one, in place of those of --size')
    parser.add_argument('--against', type=Path, metavar='LEAF',
                        help='with --config: in place of the libraries\' config')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE',
                        help='overrides of config keys, for our side; --against stays as it is')
    parser.add_argument('--batch', type=int, help='of both sides; default: what --size says, or the config\'s own')
    parser.add_argument('--iterations', type=int, help='timed, of each figure; default: what --size says')
    parser.add_argument('--warm-up', type=int, help='iterations before those; default: what --size says')
    parser.add_argument('--rounds', type=int, help='default: 3, quick: 1')
    parser.add_argument('--quick', action='store_true', help='one iteration: to see that everything runs')
    parser.add_argument('--profile', type=Path, metavar='FOLDER', help='one more step, profiled: writes FOLDER/LEAF-'
                        '{other,ours}-PHASE.txt, a table of operators by their time')
    parser.add_argument('--work', type=Path, metavar='FOLDER', help='for scratch files; default: the temporary folder')
    parser.add_argument('--keep', type=Path, metavar='FOLDER', help='take drawn pictures and this machine\'s limits '
                        'from there, or put them there')
    return parser


def chosen_cases(args: argparse.Namespace, size: str) -> list[Case]:
    """What to measure.

    Raises:
        InputError: an unknown stage, a leaf without a counterpart, or --against without --config.
    """
    if args.against and not args.config:
        raise InputError('--against', expected='--config LEAF with it', found='none',
                         remedy='say what is compared with it')
    only = some_of('--only', args.only, train_sides.DATA)
    cases = [case for case in CASES[size] if train_sides.stage_of(case.leaf) in only and args.case in case.what]
    if not cases:
        raise InputError('--case', expected=' or '.join(case.what for case in CASES[size]), found=args.case,
                         remedy='say a part of one of these names')
    if args.config:
        for leaf in filter(None, (args.config, args.against)):
            train_sides.stage_of(leaf)
        if not args.against:
            train_sides.stock_of(args.config)
        like = next(case for case in CASES[size]
                    if train_sides.stage_of(case.leaf) == train_sides.stage_of(args.config))
        cases = [Case(args.config.stem, args.config.resolve(), None, like.iterations, like.warm_up)]
    return [Case(case.what, case.leaf, args.batch or case.batch,
                 1 if args.quick else args.iterations or case.iterations,
                 1 if args.quick else args.warm_up or case.warm_up,
                 (*case.options, *args.cfg_options)) for case in cases]


@command
def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    chosen_cases(args, args.size or 'small')  # before anything is measured
    measure.warn_if_busy()
    number = int(os.environ.get('OMP_NUM_THREADS') or threads.free_cpus(1.0))
    environment = dict(OMP_NUM_THREADS=str(number), GOMP_SPINCOUNT='20000')
    said = [train_kept.limits(environment, args.keep)]
    device = said[0]['device']
    size = args.size or ('small' if device == 'CPU' else 'full')
    if size == 'full' and device == 'CPU' and not args.config:
        raise InputError('--size', expected='a GPU for full', found='none', remedy='take --size small')
    rounds = args.rounds or (1 if args.quick else 3)
    found = []
    with tempfile.TemporaryDirectory(prefix='bench-train-', dir=args.work) as scratch:
        folder = train_kept.pictures(args.keep or Path(scratch), *((1600, 512) if size == 'full' else (160, 256)))
        for case in chosen_cases(args, size):
            measure.warn_if_busy()
            for each in compare(case, folder, rounds, args.against and args.against.resolve(), environment,
                                args.profile and args.profile.resolve(), args.phase):
                print('\n'.join(rows(each, said[0]['limits'], device)), flush=True)  # nothing is lost if it is stopped
                found.append(each)
    if not args.keep:
        said.append(train_kept.limits(environment))
    limits = {name: max(each['limits'][name] for each in said) for name in said[0]['limits']}
    own, other = 'ours', 'stock'
    if args.against:
        own, other = ' '.join([args.config.stem, *args.cfg_options]), args.against.stem
    print('\n'.join([
        '', f'{device}; {platform.machine()}, CPUs: {len(os.sched_getaffinity(0))}, threads: {number}, '
        f'rounds: {rounds}, Python {platform.python_version()}'
        + ('; --quick: these are no results' if args.quick else ''),
        'Limits: ' + ', '.join(f'{value / 1e9:,.0f} ' + ('GB/s' if name == 'bytes' else f'GFLOP/s {name}')
                               for name, value in limits.items()),
        f'Work per image, {other} / {own}:', *map(work_per_image, found), '',
        '| ' + ' | '.join(HEAD).format(own=own, other=other) + ' |', '|---' * len(HEAD) + '|',
        *(row for each in found for row in rows(each, limits, device))]))
    if device == 'CPU':
        print('\nNot measured: everything on a GPU; ' + '; '.join(case.what for case in CASES['full']))


if __name__ == '__main__':
    sys.exit(main())
