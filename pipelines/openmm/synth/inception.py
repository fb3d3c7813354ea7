"""Inception's features and FID, by torch-fidelity, for those who have its weights."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pipelines.core import images
from pipelines.core.errors import InputError
from pipelines.openmm.engine.devices import device
from pipelines.openmm.weights import loading as weight_files

FEATURES = "the 2,048 pooled activations of Inception-v3, of the papers' FID"
_LAYER = '2048'


class _Pictures(Dataset):
    """(3, side, side) RGB uint8 of square images, one at a time."""

    def __init__(self, paths: Sequence[Path], side: int) -> None:
        self.paths, self.side = paths, side

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(images.fit(images.decode(self.paths[index]), self.side)).permute(2, 0, 1).contiguous()


def features(files: Mapping[str, Sequence[Path]], weights: Path, side: int) -> dict[str, NDArray[np.float64]]:
    """(N, 2048) of each set of images, all read at one size.

    Args:
        weights: torch-fidelity's ``weights-inception-2015-12-05-6726825d.pth``, those of the papers.
        side: in pixels: of the synthetic images.
    Raises:
        InputError: other weights.
    """
    from torch_fidelity import utils

    weight_files.load(weights)  # the package would execute what is in it
    gpu = device() != 'cpu'
    try:
        network = utils.create_feature_extractor('inception-v3-compat', [_LAYER], cuda=gpu, verbose=False,
                                                 feature_extractor_weights_path=str(weights))
    except RuntimeError as error:
        if 'state_dict' not in str(error):
            raise
        raise InputError(weights, expected="torch-fidelity's Inception weights",
                         found=' '.join(str(error).split()[:20]),
                         remedy='give weights-inception-2015-12-05-6726825d.pth, or leave --inception out') from None
    return {name: utils.get_featuresdict_from_dataset(_Pictures(paths, side), network, 64, gpu, True, False)[
        _LAYER].double().numpy() for name, paths in files.items()}


def fid(real: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Fréchet distance of two sets of features; what it is depends on how many there are of each.

    Source: Heusel et al. 2017 (arXiv 1706.08500).
    """
    from torch_fidelity import metric_fid

    statistics = [metric_fid.fid_features_to_statistics(torch.from_numpy(part)) for part in (real, other)]
    return max(float(metric_fid.fid_statistics_to_metric(*statistics, False)[metric_fid.KEY_METRIC_FID]), 0.)
