"""Check mm configs against the data before anything trains on them: they parse, their `num_classes` is the data's, and
the weights they start from are there and have the right SHA-256.

    python -m tools.lint_configs --coco work_dirs/cub/convert --out work_dirs/cub/check CONFIG ...

make does this before the first training, for all the configs of the stages it was asked for.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.core import coco, configs, manifest
from pipelines.core.errors import command


def lint(paths: list[Path], data: Path, out: Path) -> None:
    """Raise the first fault of a config; record what was found right.

    Raises:
        InputError: an unreadable config, one that does not fit the data, or missing weights.
    """
    from pipelines.openmm import weights

    classes = len(coco.read(data / 'train.json').categories)
    files = {name: path for config in paths for name, path in weights.check(config).items()}

    def build(folder: Path) -> None:
        from pipelines.openmm import config as mm
        for config in paths:
            mm.load(config, data_root=data, num_classes=classes)
        manifest.write_json(folder / 'checked.json', dict(num_classes=classes, configs=[path.name for path in paths]))

    manifest.produce(out, 'check', {'configs': {str(path): configs.digest(path) for path in paths}},
                     {'convert/train.json': data / 'train.json', **files}, build)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', type=Path, nargs='+', help='mm configs')
    parser.add_argument('--coco', type=Path, required=True, help='folder of the convert stage')
    parser.add_argument('--out', type=Path, required=True, help='folder for the record')
    args = parser.parse_args(argv)
    lint(args.configs, args.coco, args.out)


if __name__ == '__main__':
    sys.exit(main())
