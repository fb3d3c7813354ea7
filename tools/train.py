"""Train one mm config by itself, on the data of a dataset whose earlier stages have run.

    python tools/train.py mm_configs/classify/cub/mobilenet-v2_square.py --out work_dirs/try/square
    tools/dist_train.sh mm_configs/detect/cub/faster-rcnn_r101_fpn.py 8

The stage and the dataset are read from the config's path; the config is checked first (tools/lint_configs.py). OUT gets
model.pth, config.py, metrics.jsonl and logs/ (TensorBoard events, checkpoints). The same command goes on where it was
interrupted. To compare configs over several seeds on the test split, make them rows of the table:
make classify ROWS="a.py b.py".
"""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipelines.core import coco, files, lineage
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files
from tools import lint_configs


def data_of(config: Path, work: Path) -> tuple[Path, int]:
    """The data folder of a config, by the stage and dataset in its path, and the number of classes in it."""
    try:
        stage, dataset = config.resolve().parts[-3:-1]
        folder = work / dataset / dict(detect='convert', synth='crop', classify='')[stage]
    except (KeyError, ValueError):
        raise InputError(config, expected='a path such as mm_configs/<stage>/<dataset>/<config>.py', found=str(config),
                         remedy='put the config beside the one it is a child of') from None
    if stage == 'detect':
        return folder, len(coco.read(folder / 'train.json').categories)
    lists = folder if stage == 'synth' else folder / 'crop'
    return folder, len(lineage.read_list(lists / 'full_train.json')[0])


def default_out(config: Path, work: Path, seed: int) -> Path:
    stage, dataset = config.resolve().parts[-3:-1]
    return work / dataset / 'tries' / stage / f'{config.stem}-seed{seed}'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What tools/train.py and tools/test.py both ask for."""
    parser.add_argument('config', type=Path, help='an mm config below mm_configs/')
    parser.add_argument('--work', type=Path, default=Path('work_dirs'), help='WORK of make (default: work_dirs)')
    parser.add_argument('--seed', type=int, default=0, help='of the training (default: 0)')
    parser.add_argument('--cfg-options', nargs='*', default=[], metavar='KEY=VALUE', help='overrides of config keys')
    parser.add_argument('--check', action='store_true', help='only look whether it can start')


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--out', type=Path, help='folder (default: WORK/<dataset>/tries/<stage>/<config>-seed<seed>)')
    args = parser.parse_args(argv)

    from pipelines.openmm.engine import threads
    threads.set_threads()
    data, classes = data_of(args.config, args.work)
    out = args.out or default_out(args.config, args.work, args.seed)
    made_from = f'{args.config.name} {config_files.digest(args.config, args.cfg_options)} seed {args.seed}\n'
    note = out / 'made-from.txt'
    if note.exists() and note.read_text() != made_from:
        raise InputError(out, expected=f'nothing, or a training of {made_from.strip()}', found=note.read_text().strip(),
                         remedy='choose another --out, or remove that folder')

    from pipelines.openmm.engine import config, training
    training.check_gpus(int(os.environ.get('LOCAL_WORLD_SIZE', 1)))
    gpus = int(os.environ.get('WORLD_SIZE', 1))
    convert = args.work / args.config.resolve().parts[-2] / 'convert'
    if found := lint_configs.findings(args.config, convert, gpus=gpus, classifier_gpus=gpus, options=args.cfg_options):
        raise lint_configs.FoundError(found)
    cfg = config.load(args.config, data_root=data, num_classes=classes, options=args.cfg_options)
    if args.check:
        return
    if int(os.environ.get('RANK', 0)) == 0:  # renamed into place: the other processes read it meanwhile
        out.mkdir(parents=True, exist_ok=True)
        with files.replacing(note) as stream:
            stream.write(made_from)
    chosen = training.train(cfg, out, seed=args.seed, title=args.config.stem)
    if int(os.environ.get('RANK', 0)) == 0:
        print(f'{out}: ' + (', '.join(f'{name} {value}' for name, value in chosen.items()) or 'trained'))
    training.leave()


if __name__ == '__main__':
    sys.exit(main())
