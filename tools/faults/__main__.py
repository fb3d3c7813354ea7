"""Inject faults into the real stages, from outside and on drawn data, and count how often everything held.

    python -m tools.faults                                     # a few of each
    python -m tools.faults --full                              # the counts of docs/reliability.md (make faults)
    python -m tools.faults --only kill-crop,races --count 20 --seed 7

    kill-...   SIGKILL at a random moment of convert, detect (inference), crop, synth (sampling) or classify (trainings
               in processes), uniform over the time of an undisturbed run: to the whole process group or to the main
               process alone; in an empty folder, over an earlier result, or over what a killed run of another command
               left. Right after, nothing, the earlier or the whole new result is visible; the same command then ends
               with the bytes of an undisturbed run, a worker makes at most one shard again, and no process of the
               killed command lives on.
    inputs     an annotation or an image changes at a random moment of convert or crop: the result is that of the one or
               of the other state, or none and a line that says why; the same command then makes that of the new state.
    save       SIGKILL while a training saves a checkpoint, one of which is kept: it resumes, to the same numbers.
    save-mmengine   the same kills with mmengine's own hook, for comparison: no failure of ours.
    disk       a full disk (tmpfs) at a random point of what convert, crop, detect (training, inference) and synth
               write: exit status not 0, one line that says why, the earlier result untouched; with room, the rerun
               completes.
    races      two to eight runs of a stage at once, with one command (one works, the others say so) or with two.
    changes    one byte, parameter or config key changed: exactly what depends on it runs again, the report included.

Each row is a line of the table at the end. The folders of injections that did not hold are kept and named, and the exit
status is 1.
"""
from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from pipelines.core.arguments import a_seed, whole
from pipelines.core.errors import InputError, command, some_of
from tools.faults import changes, checkpoints, disk, inputs, kills, races
from tools.faults.row import Fault, inject, table

MANY, FEW = '--classes 5 --train 200 --test 50', '--classes 3 --train 8 --test 4'
_SAVE = 'SIGKILL while a checkpoint is saved, `max_keep_ckpts=1`'
FAULTS = {
    'kill-convert': Fault('SIGKILL at a random moment of convert', 100, partial(kills.prepare, 'convert', MANY)),
    'kill-detect': Fault('SIGKILL at a random moment of detect inference', 100, partial(kills.prepare, 'detect', FEW)),
    'kill-crop': Fault('SIGKILL at a random moment of crop', 100, partial(kills.prepare, 'crop', MANY)),
    'kill-synth': Fault('SIGKILL at a random moment of sampling', 100, partial(kills.prepare, 'synth', FEW)),
    'kill-classify': Fault('SIGKILL at a random moment of classify (trainings and table)', 100,
                           partial(kills.prepare, 'classify', FEW)),
    'inputs': Fault('an input changes during a build', 50, partial(inputs.prepare, FEW)),
    'save': Fault(_SAVE, 100, partial(checkpoints.prepare, 'safe')),
    'save-mmengine': Fault(f"{_SAVE}: mmengine's own hook", 25, partial(checkpoints.prepare, 'mmengine'),
                           comparison=True),
    'disk': Fault('disk full', 30, partial(disk.prepare, FEW)),
    'races': Fault('two to eight runs of a stage at once', 20, partial(races.prepare, FEW)),
    'changes': Fault('one byte, parameter or config key changed', 50, partial(changes.prepare, FEW)),
}


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.faults', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default=','.join(FAULTS), metavar='ROW,...', help='rows; default: all of them')
    counts = parser.add_mutually_exclusive_group()
    counts.add_argument('--count', type=whole(1), default=3, metavar='N',
                        help='injections of each row; default: %(default)s')
    counts.add_argument('--full', action='store_true', help='as many as docs/reliability.md asks for')
    parser.add_argument('--seed', type=a_seed, default=0,
                        help='of the random moments and choices; default: %(default)s')
    parser.add_argument('--jobs', type=whole(1), default=len(os.sched_getaffinity(0)),
                        help='injections at the same time; default: one per CPU, here %(default)s')
    parser.add_argument('--work', type=Path, metavar='DIR',
                        help='empty folder for everything that is run; default: a temporary one')
    args = parser.parse_args(argv)

    names = some_of('--only', args.only, FAULTS)
    for option in ('count', 'jobs'):
        if (value := getattr(args, option)) < 1:
            raise InputError(f'--{option}', expected='1 or more', found=str(value), remedy='choose such a number')
    work = (args.work or Path(tempfile.mkdtemp(prefix='faults-'))).absolute()
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        raise InputError(work, expected='an empty folder', found='files in it', remedy='choose another --work')
    rows = [inject(name, FAULTS[name], work, count=FAULTS[name].count if args.full else args.count, seed=args.seed,
                   jobs=args.jobs) for name in names]
    how = '--full' if args.full else f'--count {args.count}'
    print(table(rows, f'python -m tools.faults {how} --seed {args.seed}'))
    if any(row.failed for row in rows):
        sys.exit(1)
    if not args.work:
        shutil.rmtree(work)


if __name__ == '__main__':
    sys.exit(main())
