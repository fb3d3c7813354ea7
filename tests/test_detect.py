"""The detect stage: its figures by hand, and its largest detector."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.core import coco, detections

CONFIGS = Path(__file__).resolve().parents[1] / 'mm_configs'


def test_measure_counts_by_hand(toy_dogs_coco):
    """The annotated boxes as detections, but for one image without and one whose box is moved away."""
    splits = coco.read_splits(toy_dogs_coco)
    test = splits['test']
    none, moved, *_ = sorted(test.images)
    results = [dict(image_id=i, category_id=1, bbox=rows[0]['bbox'], score=0.9)
               for i, rows in test.annotations.items() if i != none]
    for row in results:
        if row['image_id'] == moved:
            row['bbox'] = [0, 0, 3, 3]
    measured = detections.measure(dict(test=test), results, class_agnostic=True)['test']
    assert measured['images'] == 12 and measured['no_detection'] == 1
    assert measured['localisation_accuracy'] == round(10 / 12, 4)
    boxes = sum(map(len, test.annotations.values()))
    assert measured['coco']['AR_1'] == pytest.approx(10 / boxes, abs=1e-3)


@pytest.mark.mm
def test_faster_rcnn_r101_trains_one_iteration(toy_dogs_coco, tmp_path):
    """The full profile's detector: forward, backward, step, validation, checkpoint, boxes."""
    config = CONFIGS / 'detect/faster-rcnn_r101_fpn.py'
    small = ['model.backbone.init_cfg=None', 'train_cfg.max_epochs=1', 'train_dataloader.dataset.indices=2',
             'val_dataloader.dataset.indices=1', 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
             'train_dataloader.persistent_workers=False', 'val_dataloader.persistent_workers=False',
             'train_dataloader.dataset.pipeline.2.scale=(320,320)', 'val_dataloader.dataset.pipeline.1.scale=(320,320)']
    from pipelines.openmm.engine import config as mm
    from pipelines.openmm.engine import training
    from pipelines.openmm.weights import loading as weights
    cfg = mm.load(config, data_root=toy_dogs_coco, num_classes=3, options=small)
    before = {name: value.clone() for name, value in _model(cfg).state_dict().items()}
    chosen = training.train(cfg, tmp_path, seed=0)
    after = weights.load(tmp_path / 'model.pth')
    assert chosen['best_epoch'] == 1
    assert before.keys() == after.keys() and 'backbone.layer3.22.conv3.weight' in after  # 101 layers
    rows = [json.loads(line) for line in (tmp_path / 'metrics.jsonl').read_text().splitlines()]
    assert 'val/detect/AP' in rows[-1]


def _model(cfg):
    from mmengine.registry import MODELS
    return MODELS.build(cfg.model)
