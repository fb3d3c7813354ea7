"""Detector -> crops -> classifiers, in memory: what prediction, serving and the parity of an export compute with.

A picture is decoded once. The detector sees it through its own test pipeline; every box above the threshold is cut as
the crop stage cuts (`core/cropping.py`), without the JPEG that lies between there; the classifiers see the crops
through theirs, and the seeds' scores are averaged. Pictures share a batch only where that changes none of their
numbers, so that a result depends neither on batches nor on shards.
"""
from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine import Config
from numpy.typing import NDArray
from torch import nn

from pipelines.core import boxes, calibration, cropping, images, thresholds
from pipelines.core.bundle import Bundle, threshold
from pipelines.core.kinds import FULL
from pipelines.core.rows import Images
from pipelines.openmm.chain.inputs import InMemory
from pipelines.openmm.engine import config, network, same_shape
from pipelines.openmm.engine.devices import device, repeatable

WINDOW = 64  # pictures, at most, whose boxes are found before their crops are classified
WINDOW_BYTES = 1 << 28  # and of their pixels


class Found(NamedTuple):
    """A detection.

    Args:
        xyxy: pixels of the photograph, half-open, to 0.01.
        score: to 5 digits; None: not detected, the whole photograph.
    """
    xyxy: tuple[float, float, float, float]
    score: float | None


class Animal(NamedTuple):
    """A detection and what it is.

    Args:
        found: its box.
        area: xyxy of its crop in whole pixels of the photograph; a square may reach out of it.
        crop: (h, w, 3) RGB uint8, the pixels that the classifiers saw.
        scores: (C,) mean over seeds, after the temperature.
    """
    found: Found
    area: tuple[int, int, int, int]
    crop: NDArray[np.uint8]
    scores: NDArray[np.float64]


class Network(NamedTuple):
    """A network with its own way to it.

    Args:
        model: in evaluation mode, on its device.
        prepare: a picture -> what ``test_step`` takes.
        batch: pictures at once.
        cfg: its config.
    """
    model: nn.Module
    prepare: InMemory
    batch: int
    cfg: Config

    @classmethod
    def load(cls, folder: Path, root: Path, classes: int, kind: str = 'full', batch: int | None = None) -> Network:
        """From a training's config and weights."""
        cfg = config.load(folder / 'config.py', data_root=root, num_classes=classes, images=Images(kind))
        model = network.build(cfg, folder / 'model.pth').to(device()).eval()
        return cls(model, InMemory(cfg), batch or cfg.test_dataloader.batch_size, cfg)

    def test(self, pictures: Sequence[NDArray[np.uint8]], pool: Executor | None) -> list[Any]:
        """What the network says of each picture."""
        samples = list((pool.map if pool else map)(self.prepare, pictures, range(len(pictures))))
        return same_shape.test(self.model, samples, self.batch)


class Chain:
    """A bundle, loaded onto this process's device.

    Args:
        bundle: as `core.bundle.read` or `core.bundle.make` gives it.
        conf: detections with a lower score do not count; None: the bundle's own threshold.
        batch: pictures, and crops, that a network takes at once; None: as its config says.
    Raises:
        InputError: no threshold is given, and the bundle knows none.
    """

    def __init__(self, bundle: Bundle, *, conf: float | None = None, batch: int | None = None) -> None:
        self.bundle = bundle
        self.detector: Network | None = None
        self.conf = 0.
        classes = len(bundle.classes)
        if bundle.detector:
            said = bundle.card['detector']
            self.conf = threshold(bundle, conf) or 0.
            self.detector = Network.load(bundle.detector, bundle.folder, said['classes'] or classes, batch=batch)
        self.classifiers = [Network.load(folder, bundle.folder, classes, str(bundle.kind), batch)
                            for folder in bundle.classifiers]

    def __call__(self, pictures: Sequence[images.Picture], pool: Executor | None = None) -> list[list[Animal]]:
        """The animals of each picture, best detection first.

        Args:
            pictures: as `core.images.read` gives them (``smooth``: the detector was trained on such pixels).
            pool: of threads that prepare pictures beside each other.
        """
        with torch.inference_mode(), repeatable(tf32=True):
            found = self.find(pictures, pool)
            areas = [self.areas(picture, boxes) for picture, boxes in zip(pictures, found)]
            crops = [[self.cut(picture, area) for area in own] for picture, own in zip(pictures, areas)]
            scores = iter(self.classify(list(itertools.chain.from_iterable(crops)), pool))
            return [[Animal(box, area, np.ascontiguousarray(crop), next(scores)) for box, area, crop in zip(*parts)]
                    for parts in zip(found, areas, crops)]

    def find(self, pictures: Sequence[images.Picture], pool: Executor | None = None) -> list[list[Found]]:
        """Detections from the threshold on, best first; without a detector, each picture whole."""
        if self.detector is None:
            return [[Found((0., 0., float(picture.size[0]), float(picture.size[1])), None)] for picture in pictures]
        from pipelines.openmm.detect.detection import to_results

        ids = range(1, 1 + (self.bundle.card['detector']['classes'] or 1))
        with torch.inference_mode(), repeatable(tf32=True):
            said = self.detector.test([one.pixels for one in pictures], pool)
        found = []
        for picture, sample in zip(pictures, said):
            rows = to_results(sample, ids)
            xyxy = _in_photograph(picture, rows)
            kept = list(range(len(rows))) if self.bundle.card['detector']['class_agnostic'] else thresholds.distinct(
                xyxy)
            found.append([Found(xyxy[number], rows[number]['score']) for number in kept
                          if rows[number]['score'] >= self.conf])
        return found

    def areas(self, picture: images.Picture, found: Sequence[Found]) -> list[tuple[int, int, int, int]]:
        """The pixels of the photograph that each detection's crop covers."""
        size = np.tile(picture.size, (len(found), 1))
        planned = cropping.plan(self.bundle.kind, np.array([one.xyxy for one in found]).reshape(-1, 4), size,
                                self.bundle.card['crop']['min_size'])
        return [tuple(area) for area in planned.tolist()]

    def cut(self, picture: images.Picture, area: Sequence[int]) -> NDArray[np.uint8]:
        """The pixels of a crop; a whole photograph is not shrunk, as the list of full images does not, either."""
        if self.bundle.kind == FULL:
            return picture.pixels
        return cropping.cut(picture, area, self.bundle.card['crop']['size'])

    def classify(self, crops: Sequence[NDArray[np.uint8]], pool: Executor | None = None) -> NDArray[np.float64]:
        """(N, C) scores of crops, mean over seeds, after the temperature."""
        if not crops:
            return np.empty((0, len(self.bundle.classes)))
        total = np.zeros((len(crops), len(self.bundle.classes)))
        with torch.inference_mode(), repeatable(tf32=True):
            for one in self.classifiers:
                said = one.test(crops, pool)
                total += np.stack([sample.pred_score.double().cpu().numpy() for sample in said])
        mean = total / len(self.classifiers)
        return calibration.tempered(mean, self.bundle.temperature)


def windows(pictures: Iterable[tuple[Any, images.Picture]]) -> Iterator[list[tuple[Any, images.Picture]]]:
    """Pictures by the windowful, so that memory depends neither on how many there are nor on how large they are.

    Args:
        pictures: each with whatever belongs to it.
    """
    window: list[tuple[Any, images.Picture]] = []
    size = 0
    for item in pictures:
        if window and (len(window) == WINDOW or size + item[1].pixels.nbytes > WINDOW_BYTES):
            yield window
            window, size = [], 0
        window.append(item)
        size += item[1].pixels.nbytes
    if window:
        yield window


def _in_photograph(picture: images.Picture, rows: Sequence[dict[str, Any]]) -> list[tuple[float, float, float, float]]:
    """(N, 4) xyxy in pixels of the photograph, of COCO results in those of its (possibly smaller) pixels."""
    xyxy = boxes.xywh_to_xyxy([row['bbox'] for row in rows]) * picture.scale - (*picture.missing, *picture.missing)
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.clip(xyxy, picture.size).round(2).tolist()]
