"""Check mm configs before anything trains on them.

    python -m tools.lint_configs --coco work_dirs/cub/convert --out work_dirs/cub/check CONFIG ...

    unknown keys    against the signature of what is built: mmengine merges a misspelt key without a word
    data            num_classes and class names are the data's
    splits          nothing of val or test is trained on, and test chooses no epoch
    augmentation    val and test images are the same each time
    learning rate   it is for the real total batch: GPUs x batch x accumulation
    weights         there, and with the right SHA-256

Every finding names the file and line to change. make does this before the first training, for all the configs of the
stages it was asked for; each stage and tools/train.py before their own.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.core import coco, json_files, manifest
from pipelines.core.arguments import whole
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files, lint

PACKAGES = ('torch', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmengine', 'onedl-mmpretrain', 'mmagic')


def record(paths: list[Path], data: Path, out: Path, *, gpus: int = 1) -> None:
    """Check configs, and record that nothing is wrong, so that the same ones are not checked again.

    Args:
        paths: the configs.
        data: a convert folder.
        out: gets the record.
        gpus: that share one training of a detector or a GAN.
    Raises:
        FoundError: with everything that is wrong, in all the configs.
    """
    from pipelines.openmm.weights import loading as weights

    def check() -> None:
        lint.check(paths, data_root=data, categories=categories, work=data.parent, gpus=gpus)

    def build(folder: Path) -> None:
        check()
        json_files.write(folder / 'checked.json',
                         dict(num_classes=len(categories), configs=[path.name for path in paths]))

    categories = coco.read(data / 'train.json').categories
    try:
        files = {name: path for config in paths for name, path in weights.check(config).items()}
    except InputError:
        check()  # says it with the line, and what else is wrong
        raise
    manifest.produce(out, 'check', dict(configs={str(path): config_files.digest(path) for path in paths}, gpus=gpus),
                     {'convert/train.json': data / 'train.json', **files}, build, packages=PACKAGES)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', type=Path, nargs='+', help='mm configs')
    parser.add_argument('--coco', type=Path, required=True, help='folder of the convert stage')
    parser.add_argument('--out', type=Path, required=True, help='folder for the record')
    parser.add_argument('--gpus', type=whole(1), default=1, help='that share one training (default: 1)')
    args = parser.parse_args(argv)
    record(args.configs, args.coco, args.out, gpus=args.gpus)


if __name__ == '__main__':
    sys.exit(main())
