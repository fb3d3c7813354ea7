"""torchvision's DenseNet -> mmpretrain's, as a whole classifier."""
from __future__ import annotations

from typing import Any

from pipelines.openmm.weights.conversions import rename


def _rules() -> dict[str, str]:
    rules = {r'features\.conv0\.(\w+)': r'backbone.stem.0.\1', r'features\.norm0\.(\w+)': r'backbone.stem.1.\1',
             r'features\.norm5\.(\w+)': r'backbone.transitions.3.0.\1', r'classifier\.(\w+)': r'head.fc.\1'}
    for stage in range(4):  # torchvision counts from 1
        rules[rf'features\.transition{stage + 1}\.(\w+\.\w+)'] = rf'backbone.transitions.{stage}.\1'
        for layer in range(48):  # of DenseNet-201, the deepest; older files have norm.1, newer ones norm1
            rules[rf'features\.denseblock{stage + 1}\.denselayer{layer + 1}\.(norm|conv)\.?([12])\.(\w+)'] = \
                rf'backbone.stages.{stage}.block.{layer}.\1\2.\3'
    return rules


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only."""
    return rename(state, _rules())
