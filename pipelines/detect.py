"""Give every image of all splits its boxes: by a detector trained here, from a file, or by another run's detector.

    python -m pipelines.detect --coco work_dirs/dogs/convert --out work_dirs/dogs/detect --config faster-rcnn_r101_fpn
    python -m pipelines.detect --coco work_dirs/dogs/convert --out work_dirs/dogs/detect --boxes-from boxes.csv
    python -m pipelines.detect --coco work_dirs/dogs/convert --out work_dirs/dogs/detect --boxes-from work_dirs/cub

A detector is trained on train; val chooses its epoch. Results, each made only when something it depends on changed:

    --model-dir  the trained detector: model.pth, config.py, metrics.jsonl, logs/ (TensorBoard, checkpoints)
    --out        detections.json (COCO results for all images), detections_{train,val,test}.json (for pycocotools'
                 loadRes), metrics.json, sheet_best.jpg, sheet_worst.jpg

Localisation accuracy is the share of annotated images whose best-scoring box has IoU >= 0.5 with an annotated one. The
test split is read for the final figures and boxes only.

--boxes-from takes, and recognises,

    COCO annotations   .json; images by file_name, boxes as xywh in pixels
    COCO results       .json; a list of rows with image_id (as in OUT/../convert) or file_name, bbox (xywh), score
    CSV                .csv; file_name,x,y,w,h[,score] in pixels
    MegaDetector       .json, as its batch tool writes it; its animals
    YOLO labels        a folder of .txt files named after the images: class cx cy w h [score], shares of the image
    another dataset    its WORK/DATASET folder, or one of a detector in there (models/detect/RECIPE)

File names match whole or by their end, whatever the extension. Boxes that leave their image are cut; where more than
one in twenty does, they are another format's (xyxy, shares) or other images', and are refused.
"""
from __future__ import annotations

import argparse
import functools
import itertools
import operator
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core import box_files, coco, detections, given_boxes, json_files, manifest, rows, shards
from pipelines.core.detections import Splits
from pipelines.core.errors import InputError, command
from pipelines.core.workspace import Workspace, trained_detector
from pipelines.openmm.engine import config_files, devices

PACKAGES = ('numpy', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmengine', 'opencv-python-headless', 'torch',
            'torchvision')
_SHARD = 64  # images: the most that an interrupted prediction does twice


@dataclass(frozen=True)
class Detector:
    """A detector and the data it works on.

    Args:
        config: an mmdet config.
        data: a convert folder.
        folder: of the training, with ``model.pth``.
        num_classes: of the data it was trained on.
        options: ``key=value`` overrides of the config.
        foreign: trained on another dataset than ``data``.
    """
    config: Path
    data: Path
    folder: Path
    num_classes: int
    options: tuple[str, ...] = ()
    foreign: bool = False

    def load(self, gpus: int = 1) -> Any:
        from pipelines.openmm.engine import config as mm
        from pipelines.openmm.engine import threads
        threads.set_threads(gpus)
        return mm.load(self.config, data_root=self.data, num_classes=self.num_classes, options=self.options)

    def train(self, folder: Path, *, seed: int, gpus: int) -> None:
        from pipelines.openmm.engine import as_built, lint, training
        cfg = self.load(gpus)
        lint.check([self.config], data_root=self.data, categories=coco.read(self.data / 'train.json').categories,
                   gpus=gpus, options=self.options)
        as_built.check(cfg, {split: [f'{split}.json'] for split in coco.SPLITS})
        chosen = training.train(cfg, folder, seed=seed, title='[detect] train', gpus=gpus)
        json_files.write(folder / 'chosen.json', chosen)

    def predict(self, splits: Splits, scratch: Path, *, gpus: int) -> tuple[list[dict], bool]:
        """COCO results of all images, by image id, best score first; and whether they are class-agnostic.

        Args:
            scratch: holds finished shards; an interrupted prediction goes on there.
        """
        cfg = self.load(gpus)
        from pipelines.openmm.detect import detection
        pictures = [(split, image_id) for split, truth in splits.items() for image_id in sorted(truth.images)]
        arguments = (self.config.absolute(), self.data.absolute(), self.num_classes, self.options,
                     (self.folder / 'model.pth').absolute(), self.foreign)
        try:
            finished = shards.run(detection.predict, pictures, arguments, scratch, size=_SHARD, total=len(pictures),
                                  title='detect: predict',
                                  apart=operator.itemgetter(0),  # a dataset reads one split
                                  engine=shards.Engine(gpus, option='--gpus'))
        finally:
            detection.release()
        results = itertools.chain.from_iterable(shards.results(finished))
        return sorted(results, key=lambda row: row['image_id']), cfg.class_agnostic


def detect(data: Path, out: Path, model_dir: Path, *, config: Path, seed: int = 0, gpus: int = 1,
           options: list[str] | None = None) -> dict:
    """Train a detector, and box every image.

    Args:
        data: a convert folder.
        out: gets the detections and their metrics.
        model_dir: gets the trained detector.
        config: an mmdet config.
        seed: of the training.
        gpus: processes to train with.
        options: ``key=value`` overrides of the config.
    Returns:
        the manifest of ``out``.
    Raises:
        InputError: missing or unfitting data, config or weights.
    """
    from pipelines.openmm.weights import loading as weights

    splits, inputs = _data(data)
    detector = Detector(config, data, model_dir, len(splits['train'].categories), tuple(options or ()))
    parameters = dict(config_files.parameters(config, options), seed=seed)
    training = dict(parameters, processes=gpus)  # of which batch and learning rate are functions
    conditions = functools.partial(devices.conditions, gpus)
    seen = {name: file for name, file in inputs.items() if 'test' not in name}

    def train(folder: Path) -> None:
        detector.train(folder, seed=seed, gpus=gpus)

    @manifest.reading(model_dir, training)
    def predict(folder: Path) -> None:
        results, agnostic = detector.predict(splits, folder / '.shards', gpus=gpus)
        chosen = json_files.read(model_dir / 'chosen.json')
        detections.write(folder, splits, data / 'images', results, class_agnostic=agnostic,
                         config=config_files.shown(config), best_epoch=chosen.get('best_epoch'), box_source='det')

    manifest.produce(model_dir, 'detect: train', training, {**seen, **weights.check(config, options or ())}, train,
                     packages=PACKAGES, resume=True, conditions=conditions)
    manifest.produce(out, 'detect', parameters, {**inputs, 'model.pth': model_dir / 'model.pth'}, predict,
                     packages=PACKAGES, resume=True, conditions=conditions)
    return _said(out)


def give(data: Path, out: Path, source: Path) -> dict:
    """Take boxes from a file, or a folder of YOLO labels; see `box_files` and `given_boxes`."""
    splits, inputs = _data(data)

    def build(folder: Path) -> None:
        every = {image_id: row for truth in splits.values() for image_id, row in truth.images.items()}
        given = given_boxes.to_results(source, box_files.read(source), every)
        detections.write(folder, splits, data / 'images', given.results, class_agnostic=True, config=None,
                         best_epoch=None, box_source='given', boxes_from=dict(name=source.name, **given.facts))

    manifest.produce(out, 'detect', dict(boxes_from=source.name), {**inputs, 'boxes_from': _existing(source)}, build,
                     packages=('pillow',))
    facts = json_files.read(out / 'metrics.json')['boxes_from']
    print(f'[detect] boxes of {source} ({facts["format"]}): {facts["boxes"]:,}, for {facts["images"]:,} images; '
          f'{facts["clipped"]:,} cut at the border, {facts["dropped"]:,} outside'
          + (f'; {facts["unknown_images"]:,} names of no image here, as {facts["unknown_examples"][0]}'
             if facts['unknown_images'] else ''))
    return _said(out)


def transfer(data: Path, out: Path, source: Path, *, gpus: int = 1) -> dict:
    """Box every image by the detector of another run, as it was trained there.

    Args:
        source: that run's WORK/DATASET, or the folder of the training.
    """
    splits, inputs = _data(data)
    folder = trained_detector(source)
    own = Workspace(folder.parents[2]).folder('convert') / 'train.json'
    classes = coco.read(own).classes if own.is_file() else splits['train'].classes
    detector = Detector(folder / 'config.py', data, folder, len(classes), foreign=True)
    name = f'{folder.parents[2].resolve().name}/{folder.name}'

    def build(result: Path) -> None:
        found, _ = detector.predict(splits, result / '.shards', gpus=gpus)
        results = [dict(row, category_id=given_boxes.CATEGORY, source='transferred') for row in found]
        detections.write(result, splits, data / 'images', results, class_agnostic=True, config=None, best_epoch=None,
                         box_source='transferred', boxes_from=dict(name=name))

    print(f'[detect] boxes by the detector of {name}', flush=True)
    manifest.produce(out, 'detect', dict(boxes_from=name), {**inputs, **{
        f'boxes_from/{file}': _existing(folder / file) for file in ('model.pth', 'config.py')}}, build,
        packages=PACKAGES, resume=True, conditions=functools.partial(devices.conditions, gpus))
    return _said(out)


def is_run(source: Path) -> bool:
    """Whether a path is that of another run or its detector, not of files with boxes."""
    return any((source / name).exists() for name in ('model.pth', 'models', 'detect', 'convert'))


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(path, expected='boxes, or another run', found='nothing',
                         remedy='correct BOXES_FROM (--boxes-from)')
    return path


def _data(data: Path) -> tuple[dict[str, coco.Coco], dict[str, Path | manifest.Listed]]:
    """The splits of a convert folder, and what of it is an input, split by split."""
    splits = coco.read_splits(data)
    if not (data / 'images').is_dir():
        raise InputError(data / 'images', expected='the images', found='nothing',
                         remedy='convert with images, that is without --annotation-only')
    return splits, {**{f'convert/{split}.json': data / f'{split}.json' for split in coco.SPLITS},
                    **{f'convert/images of {split}': manifest.Listed(
                        data / 'images', [row['file_name'] for row in truth.images.values()])
                       for split, truth in splits.items()}}


def _said(out: Path) -> dict:
    """The manifest of a result whose figures are printed."""
    for split, row in json_files.read(out / 'metrics.json')['splits'].items():
        words = [f'{row["images"]} images']
        if 'localisation_accuracy' in row:
            words.append(f'localisation accuracy {row["localisation_accuracy"]:.3f}')
        if 'coco' in row:
            words.append(f'AP {row["coco"]["AP"]:.3f}')
        print(f'[detect] {split}: {", ".join(words)}, {row["no_detection"]} without a detection')
    return manifest.load(out)


def _without_boxes(splits_of: Path, out: Path, *, quietly: bool) -> bool:
    """Whether there are too few annotated boxes to train a detector; said, with what to do.

    Args:
        quietly: that is no error.
    """
    splits = coco.read_splits(splits_of)
    empty = [split for split in ('train', 'val') if not splits[split].annotations]
    if not empty:
        return False
    remedy = ('give boxes (make detect BOXES_FROM=..., --boxes-from): a file of them, or the WORK/DATASET of a run '
              'with a detector')
    if not quietly:
        raise InputError(splits_of / f'{empty[0]}.json', expected='annotated boxes, to train a detector with',
                         found='none', remedy=remedy)
    print(f'[detect] no box is annotated in {" and ".join(empty)}, so no detector is trained; '
          + ('the boxes of an earlier run are kept' if (out / manifest.NAME).is_file() else
             f'the images are taken whole. To have crops, {remedy}'), flush=True)
    return True


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.detect', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--coco', type=Path, required=True, help='folder of the convert stage')
    parser.add_argument('--out', type=Path, required=True, help='folder for the detections')
    parser.add_argument('--boxes-from', type=Path, metavar='PATH', help='boxes in a file, or another run whose '
                        'detector finds them, in place of training one')
    parser.add_argument('--if-boxes', action='store_true', help='where no box is annotated say so and stop without an '
                        'error: later stages take the images whole')
    config_files.add_arguments(parser, 'detect', required=False)
    args = parser.parse_args(argv)
    if args.boxes_from and is_run(args.boxes_from):
        transfer(args.coco, args.out, args.boxes_from, gpus=args.gpus)
    elif args.boxes_from:
        give(args.coco, args.out, args.boxes_from)
    elif not args.config:
        parser.error('one of --config and --boxes-from is needed')
    elif not _without_boxes(args.coco, args.out, quietly=args.if_boxes):
        detect(args.coco, args.out, config_files.model_dir(args, args.out.absolute().parent, 'detect'),
               config=rows.recipe(args.config, 'detect'), seed=args.seed, gpus=args.gpus, options=args.cfg_options)


if __name__ == '__main__':
    sys.exit(main())
