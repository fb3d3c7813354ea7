"""Pictures in memory through a config's own test pipeline."""
from __future__ import annotations

from typing import Any

import numpy as np
from mmengine import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from numpy.typing import NDArray

from pipelines.core.errors import InputError
from pipelines.openmm.engine.same_shape import Sample


def pipeline(cfg: Config) -> list[dict[str, Any]]:
    """The transforms that test images go through, below whatever wraps the dataset."""
    dataset = cfg.test_dataloader.dataset
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    return list(dataset['pipeline'])


class InMemory:
    """A config's test pipeline, fed with decoded pictures in place of file names.

    Args:
        cfg: of a detector or a classifier.
    Raises:
        InputError: a pipeline that loads other than colour pictures as a viewer shows them.
    """

    def __init__(self, cfg: Config) -> None:
        first, *rest = pipeline(cfg)
        asked = {key: value for key, value in first.items() if key not in ('type', 'backend_args', 'imdecode_backend')}
        self._float = asked.pop('to_float32', False)
        if first['type'].rpartition('.')[2] != 'LoadImageFromFile' or asked.pop('color_type', 'color') != 'color' or (
                asked.keys() - {'ignore_empty', 'file_client_args'}):
            raise InputError('test_dataloader.dataset.pipeline', expected='LoadImageFromFile first, in colour',
                             found=str(dict(first)), remedy='train the row with a pipeline that begins so')
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
            self._transforms = Compose(rest)

    def __call__(self, rgb: NDArray[np.uint8], number: int = 0) -> Sample:
        """What a network's ``test_step`` takes, of one picture.

        Args:
            rgb: (H, W, 3).
            number: told apart by this.
        """
        image = np.ascontiguousarray(rgb[..., ::-1])  # as OpenCV loads
        size = image.shape[:2]
        found: Sample = self._transforms(dict(img=image.astype(np.float32) if self._float else image, img_path='',
                                              img_id=number, img_shape=size, ori_shape=size))
        return found
