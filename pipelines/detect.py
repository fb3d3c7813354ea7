"""Train a detector on train, choose its epoch on val, and give every image of all splits its boxes.

    python -m pipelines.detect --coco work_dirs/dogs/convert --out work_dirs/dogs/detect \\
        --config faster-rcnn_r101_fpn

Two results, each made only when something it depends on changed:

    --model-dir  the trained detector: model.pth, config.py, metrics.jsonl, logs/ (TensorBoard, checkpoints)
    --out        detections.json (COCO results for all images), metrics.json, sheet_best.jpg, sheet_worst.jpg

Localisation accuracy is the share of images whose best-scoring box has IoU >= 0.5 with an annotated one. The test
split is read for the final figures and boxes only.
"""
from __future__ import annotations

import argparse
import itertools
import operator
import sys
from pathlib import Path

from pipelines.core import boxes, coco, images, json_files, manifest, rows, shards
from pipelines.core.errors import InputError, command
from pipelines.openmm.engine import config_files

PACKAGES = ('torch', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmengine')
_SHARD = 64  # images: the most that an interrupted prediction does twice


def detect(data: Path, out: Path, model_dir: Path, *, config: Path, seed: int = 0, gpus: int = 1,
           options: list[str] | None = None) -> dict:
    """Run the stage.

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

    splits = coco.read_splits(data)
    if not (data / 'images').is_dir():
        raise InputError(data / 'images', expected='the images', found='nothing',
                         remedy='convert with images, that is without --annotation-only')
    parameters = dict(config=config_files.shown(config), config_sha256=config_files.digest(config, options), seed=seed)
    sources = {f'convert/{split}.json': data / f'{split}.json' for split in coco.SPLITS}

    def load():
        from pipelines.openmm.engine import config as mm
        from pipelines.openmm.engine import threads
        threads.set_threads(gpus)
        return mm.load(config, data_root=data, num_classes=len(splits['train'].categories), options=options or ())

    def train(folder: Path) -> None:
        from pipelines.openmm.engine import training
        cfg = load()
        chosen = training.train(cfg, folder, seed=seed, title='[detect] train', gpus=gpus)
        json_files.write(folder / 'chosen.json', chosen)

    @manifest.reading(model_dir, parameters)
    def predict(folder: Path) -> None:
        cfg = load()
        from pipelines.openmm.detect import detection
        pictures = [(split, image_id) for split, truth in splits.items() for image_id in sorted(truth.images)]
        arguments = (config.absolute(), data.absolute(), len(splits['train'].categories), tuple(options or ()),
                     (model_dir / 'model.pth').absolute())
        try:
            finished = shards.run(detection.predict, pictures, arguments, folder / '.shards', size=_SHARD,
                                  total=len(pictures), title='detect: predict',
                                  apart=operator.itemgetter(0),  # batches as in an evaluation of the split alone
                                  engine=shards.Engine(gpus, option='--gpus'))
        finally:
            detection.release()
        results = list(itertools.chain.from_iterable(shards.results(finished)))
        json_files.write_rows(folder / 'detections.json',
                              map(json_files.dumps, sorted(results, key=lambda row: row['image_id'])))
        metrics = measure(splits, results, class_agnostic=cfg.class_agnostic)
        chosen = json_files.read(model_dir / 'chosen.json')
        json_files.write(folder / 'metrics.json', dict(
            config=config_files.shown(config), class_agnostic=cfg.class_agnostic, best_epoch=chosen.get('best_epoch'),
            splits=metrics))
        write_sheets(splits['test'], data / 'images', results, folder)

    manifest.produce(model_dir, 'detect: train', parameters,
                     {**sources, 'convert/images': data / 'images', **weights.check(config)}, train,
                     packages=PACKAGES, resume=True)
    manifest.produce(out, 'detect', parameters,
                     {**sources, 'convert/images': data / 'images', 'model.pth': model_dir / 'model.pth'},
                     predict, packages=PACKAGES, resume=True)
    for split, row in json_files.read(out / 'metrics.json')['splits'].items():
        ap = f", AP {row['coco']['AP']:.3f}" if 'coco' in row else ''
        print(f"[detect] {split}: {row['images']} images, "
              f"localisation accuracy {row['localisation_accuracy']:.3f}{ap}, "
              f"{row['no_detection']} without a detection")
    return manifest.load(out)


def measure(splits: dict[str, coco.Coco], results: list[dict], *, class_agnostic: bool) -> dict[str, dict]:
    """By split: images, localisation accuracy, images without a detection; for val and test the 12 COCO numbers."""
    found = {row['image_id'] for row in results}
    measured = {}
    for split, truth in splits.items():
        ious = coco.localisation(truth, results)
        measured[split] = dict(images=len(ious),
                               localisation_accuracy=round(sum(iou >= 0.5 for iou in ious.values()) / len(ious), 4),
                               no_detection=sum(i not in found for i in truth.images))
        if split != 'train':
            measured[split]['coco'] = coco.average_precision(truth, results, class_agnostic=class_agnostic)
    return measured


def write_sheets(truth: coco.Coco, folder: Path, results: list[dict], out: Path, *, count: int = 18) -> None:
    """The images with the best and the worst fitting boxes: annotated ones green, detected ones red."""
    ious, best = coco.localisation(truth, results), coco.best_boxes(results)
    order = sorted(ious, key=lambda i: (ious[i], i))
    for name, chosen in (('worst', order[:count]), ('best', order[::-1][:count])):
        pictures, captions = [], []
        for i in chosen:
            read = images.read(folder / truth.images[i]['file_name'])
            width = max(2, round(max(read.pixels.shape) / 120))
            picture = images.draw_boxes(read.pixels, read.shrunk(truth.gt_xyxy(i)), (40, 200, 60), width)
            if i in best:
                found = read.shrunk(boxes.xywh_to_xyxy(best[i]['bbox']))
                picture = images.draw_boxes(picture, found, (230, 40, 40), width)
            pictures.append(picture)
            captions.append(f'IoU {ious[i]:.2f}' + (f' score {best[i]["score"]:.2f}' if i in best else ' no detection'))
        images.contact_sheet(pictures, captions, columns=6).save(out / f'sheet_{name}.jpg', quality=88)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.detect', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--coco', type=Path, required=True, help='folder of the convert stage')
    parser.add_argument('--out', type=Path, required=True, help='folder for the detections')
    config_files.add_arguments(parser, 'detect')
    args = parser.parse_args(argv)
    detect(args.coco, args.out, config_files.model_dir(args, args.out.absolute().parent, 'detect'),
           config=rows.recipe(args.config, 'detect'), seed=args.seed, gpus=args.gpus, options=args.cfg_options)


if __name__ == '__main__':
    sys.exit(main())
