"""Write a trained row as ONNX files, which say what it says without OpenMMLab and without torch.

    python -m pipelines.export --work work_dirs/cub --row efficientnet-lite0@square --out cub-onnx
    make export DATASET=cub ROW=efficientnet-lite0@square

Results:

    detector.onnx     image (1, 3, H, W) uint8 RGB, H and W multiples of 32, and size (2) in; boxes, scores, labels out;
                      not where the row sees full images
    classifier.onnx   image (batch, 3, H, W) uint8 RGB in, probabilities (batch, classes) out: normalisation, softmax
                      and the mean over seeds are inside
    preprocess.json   what becomes of a photograph before it comes to them
    labels.json       classes, and the super-class of each
    thresholds.json   of detections and answers, and the temperature, from val
    parity.json       how far the files are from torch
    example.py        all of that with numpy, Pillow and onnxruntime
    README.md         a model card as Hugging Face reads it

Before anything is handed out, both files are compared with torch: the classifier at batches 1, 2, 3 and 8, the detector
at two sizes, blank pictures among them. A file that differs is not written. The files compute in float32, also where
the row was trained in bfloat16. It needs onnx and onnxruntime: make setup-export installs them.
"""
from __future__ import annotations

import argparse
import functools
import importlib.util
import sys
from pathlib import Path

from pipelines.core import bundle, card, manifest
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import devices

PACKAGES = ('numpy', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmengine', 'onedl-mmpretrain', 'onnx', 'onnxruntime',
            'torch', 'torchvision')


def export(chain: bundle.Bundle, out: Path, *, conf: float | None = None, target: float = 0.95,
           licence: str = 'other') -> bool:
    """Export a bundle.

    Args:
        chain: whose detector and classifiers.
        out: gets the files.
        conf: least score of a detection; None: the bundle's own threshold.
        target: share of answers that are to be right.
        licence: of the models, for the model card.
    Returns:
        whether anything was written (False: up to date).
    Raises:
        InputError: a network that does not survive the export, or a package that is not installed.
    """
    if missing := [name for name in ('onnx', 'onnxruntime') if not importlib.util.find_spec(name)]:
        raise InputError(missing[0], expected='an installed package', found='none', remedy='make setup-export')
    conf = bundle.threshold(chain, conf)
    inputs: manifest.Inputs = {f'bundle/{name}': chain.folder / name for name in (card.CARD, card.VAL)}

    def build(folder: Path) -> None:
        from pipelines.openmm.export import export as files

        files.write(chain, folder, conf=conf, target=target, licence=licence)

    return manifest.produce(out, 'export', dict(row=chain.card['row'], conf=conf, target=target, licence=licence),
                            inputs, build,
                            packages=PACKAGES, conditions=functools.partial(devices.conditions, 1))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.export', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    bundle.add_arguments(parser)
    parser.add_argument('--out', type=Path, help='folder for the files; default: export/ROW in the work folder')
    parser.add_argument('--conf', type=bundle.score, metavar='SCORE', help='least score of a detection; default: auto, '
                        'the best on val')
    parser.add_argument('--target', type=bundle.share, default=0.95, metavar='SHARE', help='of answers that are to be '
                        'right, above 0; default: %(default)s')
    parser.add_argument('--licence', default='other', help='of the models, as Hugging Face spells it, e.g. apache-2.0; '
                        'default: %(default)s')
    args = parser.parse_args(argv)
    if not args.target:
        parser.error('--target: a share above 0')
    chain = bundle.of(args)
    if args.out is None and args.work is None:
        parser.error('--out is needed where there is no --work')
    out = args.out or args.work / 'export' / chain.folder.name
    export(chain, out, conf=args.conf, target=args.target, licence=args.licence)
    print(f'[export] try it: python {out / "example.py"} PHOTO')


if __name__ == '__main__':
    sys.exit(main())
