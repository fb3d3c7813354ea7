"""A trained row as an analysis sees it: pixels in [0, 1] at the network's own input, and their logits, in float32.

The images have gone through the row's own test pipeline: resized, padded, and not yet normalised. Whatever an analysis
changes in them is measured in pixels, so that numbers of rows with other normalisations can be compared.
"""
from __future__ import annotations

import copy
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core import coco, images, lineage
from pipelines.core.errors import InputError
from pipelines.runs import Run

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Rows = Sequence[dict[str, Any]]


def spread(rows: Rows, count: int | None) -> list[dict[str, Any]]:
    """So many rows, evenly over the classes and within them; all where there are not more. Every kind of crop gives the
    same images."""
    ordered = sorted(rows, key=lambda row: (row['gt_label'], row['image_id']))
    if count is None or count >= len(ordered):
        return ordered
    return [ordered[i] for i in np.linspace(0, len(ordered) - 1, count).round().astype(int)]


@dataclass(frozen=True)
class Subject:
    """Args:
        run: trained.
        split: whose images are read.
    """
    run: Run
    split: str

    @cached_property
    def cfg(self) -> Any:
        """The row's config, in float32: under autocast gradients round to zero, and an attack seems to fail."""
        cfg = self.run.load()
        cfg.speed = {}
        return cfg

    @cached_property
    def network(self) -> Any:
        from pipelines.openmm.engine import network
        from pipelines.openmm.engine.devices import device
        found = network.build(self.cfg, self.run.folder / 'model.pth').to(device()).eval()
        for parameter in found.parameters():
            parameter.requires_grad_(False)
        return found

    @cached_property
    def pixels(self) -> Any:
        from pipelines.openmm import attacks
        return attacks.Pixels(self.network)

    @cached_property
    def device(self) -> torch.device:
        device: torch.device = next(self.network.parameters()).device
        return device

    @cached_property
    def classes(self) -> list[str]:
        return self.run.rows(self.split)[0]

    @cached_property
    def _dataset(self) -> Any:
        from mmengine.registry import DefaultScope
        from mmpretrain.registry import DATASETS
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            found = DATASETS.build(copy.deepcopy(self.cfg[f'{self.split}_dataloader'].dataset))
        found.full_init()
        return found

    @cached_property
    def _places(self) -> dict[str, int]:
        return {os.path.abspath(self._dataset.get_data_info(i)['img_path']): i for i in range(len(self._dataset))}

    def file(self, row: dict[str, Any]) -> str:
        """The path of a row's image."""
        return os.path.abspath(self.run.work / 'crop' / row['img_path'])

    def images(self, rows: Rows) -> Tensor:
        """(N, 3, H, W) in [0, 1], in the order of colours that the network takes.

        Raises:
            InputError: an image that the row's loader does not read, or images of different sizes.
        """
        missing = [row['img_path'] for row in rows if self.file(row) not in self._places]
        if missing:
            raise InputError(missing[0], expected=f'an image that the {self.split}_dataloader reads', found='another',
                             remedy="correct the config's loader")
        inputs = [self._dataset[self._places[self.file(row)]]['inputs'] for row in rows]
        if len({tuple(one.shape) for one in inputs}) > 1:
            raise InputError(self.run.row.config, expected='inputs of one size', found='several', remedy='add Resize '
                             "and Pad to the config's test_pipeline, as mm_configs/_base_/datasets/crops.py does")
        batch = self.network.data_preprocessor(dict(inputs=inputs), training=False)
        found: Tensor = self.pixels.of(batch['inputs'].float())
        return found

    def labels(self, rows: Rows) -> Tensor:
        import torch
        return torch.tensor([row['gt_label'] for row in rows], device=self.device)

    def logits(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> (N, C); differentiable."""
        found: Tensor = self.pixels.logits(pixels)
        return found.float()

    def predictions(self, pixels: Tensor) -> Tensor:
        """(N,) the classes."""
        import torch
        with torch.inference_mode():
            return self.logits(pixels).argmax(dim=1)

    def pictures(self, pixels: Tensor) -> NDArray[np.uint8]:
        """(N, 3, H, W) -> (N, H, W, 3) RGB uint8, to be looked at."""
        shown = pixels if self._rgb else pixels.flip(1)
        found: NDArray[np.uint8] = (shown.detach() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return found

    def from_pictures(self, pictures: NDArray[np.uint8]) -> Tensor:
        """The way back."""
        import torch
        found = torch.from_numpy(np.ascontiguousarray(pictures)).to(self.device).permute(0, 3, 1, 2).float() / 255
        return found if self._rgb else found.flip(1)

    @property
    def _rgb(self) -> bool:
        return bool(getattr(self.network.data_preprocessor, '_channel_conversion', False))

    def transformed(self, picture: NDArray[np.uint8]) -> Tensor:
        """A picture, (H, W, 3), through the row's test pipeline behind the loading of a file: (3, H', W') uint8."""
        results = dict(img=picture, img_shape=picture.shape[:2], ori_shape=picture.shape[:2], img_path='', gt_label=0)
        for transform in self._dataset.pipeline.transforms:
            if type(transform).__name__ != 'LoadImageFromFile':
                results = transform(results)
        found: Tensor = results['inputs']
        return found

    @cached_property
    def _annotated(self) -> Any:
        return coco.read(self.run.work / 'convert' / f'{self.split}.json')

    def animals(self, rows: Rows) -> NDArray[np.bool_]:
        """(N, H, W): where the annotated animals are in the network's input; all False of an image without a box.

        A mask is drawn in the crop and sent through the row's own pipeline, so that it fits whatever that does.
        """
        return np.stack([self._animal(row) for row in rows])

    def _animal(self, row: dict[str, Any]) -> NDArray[np.bool_]:
        width, height = images.size(self.file(row))
        left, top, right, bottom = row.get('crop') or (0, 0, *self._size(row))
        scale = np.array([width / (right - left), height / (bottom - top)] * 2)
        found = (self._annotated.gt_xyxy(row['image_id']) - [left, top, left, top]) * scale
        mask = np.zeros((height, width, 3), np.uint8)
        for x1, y1, x2, y2 in np.rint(found).astype(int).clip(0):
            mask[y1:y2, x1:x2] = 255
        inside: NDArray[np.bool_] = (self.transformed(mask)[0] > 127).numpy()
        return inside

    def _size(self, row: dict[str, Any]) -> tuple[int, int]:
        image = self._annotated.images[row['image_id']]
        return image['width'], image['height']

    @property
    def has_boxes(self) -> bool:
        return bool(self._annotated.annotations)


@functools.cache
def subject(run: Run, split: str) -> Subject:
    """One for a process: its workers build a network once."""
    return Subject(run, split)


def chosen(run: Run, split: str, count: int | None) -> list[dict[str, Any]]:
    """The rows of a run's list that are looked at."""
    return spread(lineage.read_list(run.work / run.row.images.lists([split])[0])[1], count)
