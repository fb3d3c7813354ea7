"""Evaluate a trained config on val; on test only when asked, which is for the end: nothing may be chosen by it.

    python tools/test.py resnet50@square --dataset cub
    tools/dist_test.sh rtmdet_tiny 8 --dataset cub --model work_dirs/cub/models/detect/rtmdet_tiny/model.pth

A classifier read on test is entered in WORK/DATASET/test_reads.json (docs/statistics.md).

OUT gets metrics.json: config, split, images (how many) and
metrics, by the names and in the units of the library. Every image counts once, however many processes share them. The
table that compares rows on the test split, with intervals, is classify's: make classify ROWS="a@square b@square".
"""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipelines.core import fingerprint, json_files, ledger, machine, manifest
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files
from tools import train


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    train.add_arguments(parser)
    parser.add_argument('--model', type=Path,
                        help='model.pth (default: that of tools/train.py, '
                             'WORK/DATASET/tries/<stage>/<row>-seed<seed>/model.pth)')
    parser.add_argument('--split', choices=('val', 'test'), default='val', help='(default: val)')
    parser.add_argument('--out', type=Path, help='folder (default: logs/<split> beside the model)')
    args = parser.parse_args(argv)

    from pipelines.openmm.engine import threads
    threads.set_threads()
    task = train.task_of(args)
    model = args.model or task.out / 'model.pth'
    if not model.is_file():
        raise InputError(model, expected='trained weights', found='nothing',
                         remedy=f'python tools/train.py {args.config} --dataset {args.dataset}, or say --model')

    from pipelines.openmm.engine import devices, evaluation, training
    devices.check(machine.number('LOCAL_WORLD_SIZE', 1))
    cfg = task.load(args.cfg_options)
    evaluation.choose(cfg, args.split, task.row.config)
    if args.check:
        return
    out = args.out or model.parent / manifest.LOGS / args.split
    images, metrics = evaluation.evaluate(cfg, model, out, title=f'{task.row.name}: {args.split}')
    if int(os.environ.get('RANK', 0)) == 0:
        if args.split == 'test' and task.stage == 'classify':
            split = ledger.split_of(task.work.root / task.row.images.lists(['test'])[0])
            ledger.enter(task.work.root / ledger.NAME,
                         [ledger.Read(task.row.name, args.seed, fingerprint.sha256(model), split)])
        json_files.write(out / 'metrics.json', dict(config=config_files.shown(task.row.config), split=args.split,
                                                    images=images, metrics=metrics))
        print(f'{out / "metrics.json"}: {images} images of {args.split}, '
              + ', '.join(f'{name} {value:.4g}' for name, value in metrics.items()))
    training.leave()


if __name__ == '__main__':
    sys.exit(main())
