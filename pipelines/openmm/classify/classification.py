"""MMPretrain on the lists of crop and synth: what registers itself with it, and predictions."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import lineage
from pipelines.core.errors import InputError
from pipelines.openmm.classify import (  # noqa: F401  (they register themselves)
    adversarial,
    box_cutmix,
    decoupled,
    densenet,
    distilled,
    frozen,
    frozen_features,
    long_tail,
    mirrored,
    mixing,
    noisy,
    pruned,
    simclr,
)

if TYPE_CHECKING:
    import numpy as np
    import torch
    from mmengine import Config


def predict(cfg: Config, weights: Path | Mapping[str, torch.Tensor], annotations: Path, split: str = 'test'
            ) -> np.ndarray:
    """Softmax scores (N, C) of the images of a list, in its order.

    Args:
        cfg: a classifier's config.
        weights: ``model.pth``, or a state dict.
        annotations: the list; a score is joined to its row by the image's path, in whatever order images are read.
        split: val or test: whose loader reads the list.
    Raises:
        InputError: images that are not in the list, rows without a score, or scores that are no numbers.
    """
    import numpy as np
    import torch

    from pipelines.openmm.engine import config, network
    from pipelines.openmm.engine.devices import device, repeatable

    model = network.build(cfg, weights).to(device()).eval()
    batches = network.loader(cfg, split)
    if config.sees_once(cfg):
        batches = frozen_features.loader(cfg, split, model, batches)
    with torch.inference_mode(), repeatable(tf32=True):
        found = [(os.path.abspath(sample.img_path), sample.pred_score.float().cpu().numpy())
                 for batch in batches for sample in model.test_step(batch)]
    scores = dict(found)
    wanted = [os.path.abspath(annotations.parent / row['img_path']) for row in lineage.read_list(annotations)[1]]
    if len(found) != len(wanted) or scores.keys() != set(wanted):
        raise InputError(annotations, expected=f'one score for each of its {len(wanted)} images',
                         found=f'{len(found)} scores, of {len(scores.keys() & set(wanted))} of them',
                         remedy=f"correct the config's {split}_dataloader")
    stacked = np.stack([scores[path] for path in wanted])
    if broken := int((~np.isfinite(stacked)).any(axis=1).sum()):
        raise InputError(weights if isinstance(weights, Path) else annotations, expected='scores that are numbers',
                         found=f'NaN or infinity for {broken} of {len(stacked)} images of {split}: the training '
                         'diverged', remedy='lower its learning rate, or clip its gradients (optim_wrapper.clip_grad)')
    return stacked


def features(cfg: Config, weights: Path, annotations: Path) -> np.ndarray:
    """What the last linear layer sees of the images of a list, as the test split is loaded.

    Args:
        cfg: a classifier's config, whose ``data_root`` holds the list's folder.
        weights: ``model.pth``.
        annotations: the list.
    Returns:
        (N, D) float32 at unit length, in the list's order; of a network without such a layer, its logits.
    """
    import copy

    import numpy as np
    import torch

    from pipelines.openmm.engine import network
    from pipelines.openmm.engine.devices import device, repeatable

    cfg = copy.deepcopy(cfg)
    dataset = cfg.test_dataloader.dataset
    while 'ann_file' not in dataset and 'dataset' in dataset:  # wrappers
        dataset = dataset.dataset
    dataset.ann_file = os.path.relpath(annotations, cfg.data_root)
    model = network.build(cfg, weights).to(device()).eval()
    seen: list[torch.Tensor] = []
    for layer in [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)][-1:]:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    found = {}
    with torch.inference_mode(), repeatable(tf32=True):
        for batch in network.loader(cfg, 'test'):
            seen.clear()
            samples = model.test_step(batch)
            values = seen[-1] if seen else torch.stack([sample.pred_score for sample in samples])
            values = torch.nn.functional.normalize(values.flatten(1).float(), dim=1).cpu().numpy()
            found.update({os.path.abspath(sample.img_path): value for sample, value in zip(samples, values)})
    return np.stack([found[os.path.abspath(annotations.parent / row['img_path'])]
                     for row in lineage.read_list(annotations)[1]])
