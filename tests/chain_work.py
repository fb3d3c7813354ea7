"""A WORK/<dataset> whose detector and classifiers were trained for an iteration: what a chain is made of."""
from __future__ import annotations

from pathlib import Path

from pipelines import classify, crop, detect
from pipelines.core.rows import Row

ROOT = Path(__file__).resolve().parents[1]
ROW = 'resnet18_64px@square'
# Barely trained, so every score counts: two boxes for an image.
_DETECTOR = ['train_cfg.max_epochs=1', 'train_dataloader.dataset.indices=4', 'speed.dtype=float32',
             'model.test_cfg.rcnn.score_thr=0.0', 'model.test_cfg.rcnn.max_per_img=2']
_CLASSIFIER = ('train_cfg.max_epochs=2',)


def make(convert: Path, work: Path) -> Path:
    """Detect, crop and classify (two seeds) in ``work``.

    Args:
        convert: a convert folder.
        work: WORK/DATASET, made here.
    """
    work.mkdir(parents=True)
    (work / 'convert').symlink_to(convert)
    config = ROOT / 'mm_configs/detect/faster-rcnn_efficientnet-lite0_fpn_160px.py'
    detect.detect(work / 'convert', work / 'detect', work / 'models/detect' / config.stem, config=config,
                  options=_DETECTOR)
    crop.crop(work / 'convert', work / 'crop', detections=work / 'detect/detections.json', size=64)
    classify.classify(work, work / 'classify', work / 'models/classify', table_rows=[Row.parse(ROW)], seeds=[0, 1],
                      jobs=1, options=_CLASSIFIER)
    return work
