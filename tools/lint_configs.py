"""Check mm configs before anything trains on them.

    python -m tools.lint_configs --coco work_dirs/cub/convert --out work_dirs/cub/check CONFIG ...

    unknown keys    against the signature of what is built: mmengine merges a misspelt key without a word
    data            num_classes and class names are the data's
    splits          nothing of val or test is trained on, and test chooses no epoch
    augmentation    val and test images are the same each time
    learning rate   it is for the real total batch: GPUs x batch x accumulation
    weights         there, and with the right SHA-256

Every finding names the file and line to change. make does this before the first training, for all the configs of the
stages it was asked for; tools/train.py before its own.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.core import coco, json_files, manifest
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files

PACKAGES = ('torch', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmengine', 'onedl-mmpretrain', 'mmagic')


class FoundError(InputError):
    """Everything that is wrong, as one error.

    Args:
        findings: at least one.
    """

    def __init__(self, findings: list[InputError]) -> None:
        super().__init__(**findings[0].parts)
        self.args = ('\nerror: '.join(map(str, findings)),)
        self.findings = findings


def findings(config: Path, data: Path, *, gpus: int = 1, classifier_gpus: int = 1, options: Sequence[str] = ()
             ) -> list[InputError]:
    """What is wrong with one config.

    Args:
        config: the file.
        data: a convert folder.
        gpus: that share one training of a detector or a GAN.
        classifier_gpus: that share one training of a classifier; the classify stage gives each its own.
        options: ``key=value`` overrides of the config.
    """
    from pipelines.openmm.engine import config as mm
    from tools import lint_rules

    categories = coco.read(data / 'train.json').categories
    try:
        cfg = mm.load(config, data_root=data, num_classes=len(categories), options=options)
    except InputError as error:  # the other rules need a config that loads
        return [error]
    names = [row['supercategory' if cfg.get('class_agnostic') else 'name'] for row in categories]
    setting = lint_rules.Setting(config, cfg, classes=list(dict.fromkeys(names)), work=data.parent,
                                 gpus=classifier_gpus if cfg.default_scope == 'mmpretrain' else gpus,
                                 options=options)
    return [finding for rule in lint_rules.RULES for finding in rule(setting)]


def lint(paths: list[Path], data: Path, out: Path, *, gpus: int = 1) -> None:
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
        if found := [finding for config in paths for finding in findings(config, data, gpus=gpus)]:
            raise FoundError(found)

    def build(folder: Path) -> None:
        check()
        json_files.write(folder / 'checked.json', dict(num_classes=classes, configs=[path.name for path in paths]))

    classes = len(coco.read(data / 'train.json').categories)
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
    parser.add_argument('--gpus', type=int, default=1, help='that share one training (default: 1)')
    args = parser.parse_args(argv)
    lint(args.configs, args.coco, args.out, gpus=args.gpus)


if __name__ == '__main__':
    sys.exit(main())
