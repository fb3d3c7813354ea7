"""timm's VisionTransformer -> mmpretrain's, as a whole classifier (``VisionTransformerClsHead``)."""
from __future__ import annotations

from typing import Any

from pipelines.openmm.weights.conversions import rename

_RULES = {
    r'cls_token|pos_embed': r'backbone.\g<0>',
    r'patch_embed\.proj\.(\w+)': r'backbone.patch_embed.projection.\1',
    r'blocks\.(\d+)\.norm([12])\.(\w+)': r'backbone.layers.\1.ln\2.\3',
    r'blocks\.(\d+)\.attn\.(\w+\.\w+)': r'backbone.layers.\1.attn.\2',
    r'blocks\.(\d+)\.mlp\.fc1\.(\w+)': r'backbone.layers.\1.ffn.layers.0.0.\2',
    r'blocks\.(\d+)\.mlp\.fc2\.(\w+)': r'backbone.layers.\1.ffn.layers.1.\2',
    r'norm\.(\w+)': r'backbone.ln1.\1',
    r'head\.(\w+)': r'head.layers.head.\1',
}


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only."""
    return rename(state, _RULES)
