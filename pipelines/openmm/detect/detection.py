"""MMDetection, for datasets whose images hold animals of one fine class: a dataset, a metric, and inference."""
from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS, METRICS
from mmengine.evaluator import BaseMetric

from pipelines.core import boxes, coco
from pipelines.openmm.detect import batched_detector, timm_features  # noqa: F401  (they register themselves)
from pipelines.openmm.engine.devices import device, repeatable

AGNOSTIC_CATEGORY = 1  # category_id of every detection of a class-agnostic detector


@DATASETS.register_module(force=True)
class FineGrainedCoco(CocoDataset):
    """A COCO file of convert; class names come from the file.

    Args:
        class_agnostic: one class, the super-class (dog, bird), instead of the fine classes.
    """

    def __init__(self, *args: Any, class_agnostic: bool = True, **kwargs: Any) -> None:
        self.class_agnostic = class_agnostic
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        categories = coco.read(Path(self.ann_file)).categories
        self._metainfo['classes'] = tuple(row['name'] for row in categories)
        rows = super().load_data_list()
        if self.class_agnostic:
            self._metainfo['classes'] = tuple(sorted({row['supercategory'] for row in categories}))
            for row in rows:
                for instance in row['instances']:
                    instance['bbox_label'] = 0
        return rows


def to_results(sample: Any, category_ids: Sequence[int]) -> list[dict]:
    """COCO results of one predicted `DetDataSample`, best score first.

    Args:
        category_ids: by the detector's label.
    """
    found = sample['pred_instances'] if isinstance(sample, dict) else sample.pred_instances
    image_id = sample['img_id'] if isinstance(sample, dict) else sample.img_id
    xywh = boxes.xyxy_to_xywh(found['bboxes'].cpu().numpy()).round(2).tolist()
    rows = [dict(image_id=int(image_id), category_id=category_ids[label], bbox=box, score=round(score, 5))
            for box, score, label in zip(xywh, found['scores'].tolist(), found['labels'].tolist())
            if box[2] > 0 and box[3] > 0]
    return sorted(rows, key=lambda row: -row['score'])


def category_ids(truth: coco.Coco, class_agnostic: bool) -> list[int]:
    return [AGNOSTIC_CATEGORY] if class_agnostic else [row['id'] for row in truth.categories]


@METRICS.register_module(force=True)
class LocalisationMetric(BaseMetric):
    """COCO's numbers (pycocotools) and localisation accuracy: the share of images whose best box has IoU >= 0.5.

    Args:
        ann_file: COCO file of the evaluated split.
        class_agnostic: as for the dataset.
    """
    default_prefix = 'detect'

    def __init__(self, ann_file: str, class_agnostic: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.truth, self.class_agnostic = coco.read(Path(ann_file)), class_agnostic

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        ids = category_ids(self.truth, self.class_agnostic)
        self.results.extend(to_results(sample, ids) for sample in data_samples)

    def compute_metrics(self, results: list[list[dict]]) -> dict[str, float]:
        rows = [row for image in results for row in image]
        numbers = coco.average_precision(self.truth, rows, class_agnostic=self.class_agnostic)
        ious = coco.localisation(self.truth, rows)
        return dict(localisation=sum(iou >= 0.5 for iou in ious.values()) / len(ious),
                    **{name: numbers[name] for name in ('AP', 'AP50', 'AP75')})


@functools.lru_cache(maxsize=1)
def _detector(config: Path, data: Path, num_classes: int, options: tuple[str, ...], model: Path,
              foreign: bool = False) -> tuple:
    """Config, network in evaluation mode, and by split the dataset with the positions of its images."""
    from pipelines.openmm.engine import network
    from pipelines.openmm.engine.config import load

    cfg = load(config, data_root=data, num_classes=num_classes, options=options)
    detector = network.build(cfg, model)
    datasets = {}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools'
        for split in coco.SPLITS:
            dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, ann_file=f'{split}.json'))
            positions = {dataset.get_data_info(i)['img_id']: i for i in range(len(dataset))}
            ids = [AGNOSTIC_CATEGORY] * num_classes if foreign else category_ids(
                coco.read(data / f'{split}.json'), cfg.class_agnostic)
            datasets[split] = dataset, positions, ids
    return cfg, detector.to(device()).eval(), datasets


def release() -> None:
    """Forget the detector that `predict` keeps; the next result may have another one under the same path."""
    _detector.cache_clear()


def predict(images: list[tuple[str, int]], *detector: Any) -> list[dict]:
    """COCO results of a few images: what `shards.run` spreads over processes.

    Args:
        images: (split, image id), all of one split.
        detector: config file, convert folder, number of classes, config overrides (a tuple), weights file, and
            whether its classes are those of another dataset.
    """
    import cv2
    import torch

    from pipelines.openmm.engine import same_shape, speed

    cfg, network, datasets = _detector(*detector)
    (split,) = {split for split, _ in images}
    dataset, positions, ids = datasets[split]
    cv2.setNumThreads(1)  # the pool's are the parallel part; a loader's processes would start anew for every shard
    with ThreadPoolExecutor(speed.cpus()) as pool, torch.inference_mode(), repeatable(tf32=True):
        loaded = list(pool.map(dataset.__getitem__, [positions[image_id] for _, image_id in images]))
        said = same_shape.test(network, loaded, cfg.test_dataloader.batch_size)
    return [row for sample in said for row in to_results(sample, ids)]
