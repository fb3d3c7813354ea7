"""MMPretrain on the lists of crop and synth: real and synthetic images in one training set, and predictions."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.dataset import ConcatDataset
from mmpretrain.registry import DATASETS

from pipelines.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from mmengine import Config


@DATASETS.register_module(force=True)
class WithSynthetic(ConcatDataset):
    """A list of real images and the beginning of a list of synthetic ones (which go through the classes in turn).

    Args:
        real: dataset config.
        synthetic: dataset config.
        ratio: synthetic images per real one.
    Raises:
        InputError: the list of synthetic images is too short for the ratio.
    """

    def __init__(self, real: dict, synthetic: dict, ratio: float, **kwargs: Any) -> None:
        originals = DATASETS.build(real)
        wanted = round(ratio * len(originals))
        drawn = DATASETS.build(dict(synthetic, indices=wanted))
        if len(drawn) < wanted:
            raise InputError(drawn.ann_file, expected=f'{wanted} images, {ratio} for each real one',
                             found=str(len(drawn)),
                             remedy='draw more (make synth IMAGES_PER_CLASS=...) or lower `ratio` in the config')
        super().__init__([originals, drawn], ignore_keys='categories', **kwargs)  # only crop's lists have those


def predict(cfg: Config, state: dict[str, torch.Tensor], split: str = 'test') -> np.ndarray:
    """Softmax scores (N, C) of the images of a split's list, in its order.

    Args:
        cfg: a classifier's config.
        state: the trained weights.
        split: val or test.
    """
    import numpy as np
    import torch
    from mmengine.runner import Runner
    from mmpretrain.registry import MODELS

    from pipelines.openmm.engine import speed
    from pipelines.openmm.engine.devices import device, repeatable

    model = speed.apply(MODELS.build(cfg.model), **cfg.get('speed', {}))
    model.load_state_dict(state)
    model = model.to(device()).eval()
    with torch.inference_mode(), repeatable(tf32=True):
        return np.stack([sample.pred_score.float().cpu().numpy()
                         for batch in Runner.build_dataloader(speed.loader(cfg[f'{split}_dataloader']))
                         for sample in model.test_step(batch)])


def lists(cfg: Config) -> dict[str, list[str]]:
    """By ``train``, ``val`` and ``test``, the annotation lists that a config reads, relative to its ``data_root``."""
    def found(node: Any) -> list[str]:
        if isinstance(node, dict) and 'ann_file' in node:
            return [node['ann_file']]
        nodes = node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ()
        return [name for value in nodes for name in found(value)]

    return {split: found(cfg[f'{split}_dataloader']['dataset']) for split in ('train', 'val', 'test')}


def train_images(cfg: Config) -> int:
    """The number of images of the config's training set."""
    return len(DATASETS.build(cfg.train_dataloader.dataset))
