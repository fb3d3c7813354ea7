"""timm's ConvNeXt -> mmpretrain's, as a whole classifier."""
from __future__ import annotations

from typing import Any

from pipelines.openmm.weights.conversions import rename

_RULES = {
    r'stem\.([01])\.(\w+)': r'backbone.downsample_layers.0.\1.\2',
    r'stages\.(\d)\.downsample\.([01])\.(\w+)': r'backbone.downsample_layers.\1.\2.\3',
    r'stages\.(\d)\.blocks\.(\d+)\.conv_dw\.(\w+)': r'backbone.stages.\1.\2.depthwise_conv.\3',
    r'stages\.(\d)\.blocks\.(\d+)\.norm\.(\w+)': r'backbone.stages.\1.\2.norm.\3',
    r'stages\.(\d)\.blocks\.(\d+)\.mlp\.fc([12])\.(\w+)': r'backbone.stages.\1.\2.pointwise_conv\3.\4',
    r'stages\.(\d)\.blocks\.(\d+)\.gamma': r'backbone.stages.\1.\2.gamma',
    r'head\.norm\.(\w+)': r'backbone.norm3.\1',
    r'head\.fc\.(\w+)': r'head.fc.\1',
}


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only."""
    return rename(state, _RULES)
