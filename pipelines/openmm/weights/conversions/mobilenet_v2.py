"""torchvision's MobileNetV2 -> mmpretrain's, as a whole classifier."""
from __future__ import annotations

import re
from typing import Any

from pipelines.openmm.weights.conversions import rename

_DEPTHS = (1, 2, 3, 4, 3, 3, 1)  # blocks of layer1 to layer7, which torchvision counts through


def _rules() -> dict[str, str]:
    names = {'features.0.0': 'backbone.conv1.conv', 'features.0.1': 'backbone.conv1.bn',
             'features.18.0': 'backbone.conv2.conv', 'features.18.1': 'backbone.conv2.bn', 'classifier.1': 'head.fc'}
    places = [f'layer{layer}.{block}' for layer, depth in enumerate(_DEPTHS, 1) for block in range(depth)]
    for number, place in enumerate(places, 1):
        parts = ('0.0', '0.1', '1', '2') if number == 1 else ('0.0', '0.1', '1.0', '1.1', '2', '3')
        for index, part in enumerate(parts):
            names[f'features.{number}.conv.{part}'] = f'backbone.{place}.conv.{index // 2}.{("conv", "bn")[index % 2]}'
    return {rf'{re.escape(theirs)}\.(\w+)': rf'{ours}.\1' for theirs, ours in names.items()}


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only. Its inputs are normalised by ImageNet's mean and standard deviation, as for torchvision's ResNets."""
    return rename(state, _rules())
