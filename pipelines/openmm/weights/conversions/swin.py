"""timm's SwinTransformer -> mmpretrain's, as a whole classifier."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipelines.openmm.weights.conversions import rename

if TYPE_CHECKING:
    from torch import Tensor

_RULES = {
    r'patch_embed\.proj\.(\w+)': r'backbone.patch_embed.projection.\1',
    r'patch_embed\.norm\.(\w+)': r'backbone.patch_embed.norm.\1',
    r'layers\.(\d)\.blocks\.(\d+)\.norm([12])\.(\w+)': r'backbone.stages.\1.blocks.\2.norm\3.\4',
    r'layers\.(\d)\.blocks\.(\d+)\.(attn_mask|attn\.relative_position_index)': None,  # computed from the sizes
    r'layers\.(\d)\.blocks\.(\d+)\.attn\.(.+)': r'backbone.stages.\1.blocks.\2.attn.w_msa.\3',
    r'layers\.(\d)\.blocks\.(\d+)\.mlp\.fc1\.(\w+)': r'backbone.stages.\1.blocks.\2.ffn.layers.0.0.\3',
    r'layers\.(\d)\.blocks\.(\d+)\.mlp\.fc2\.(\w+)': r'backbone.stages.\1.blocks.\2.ffn.layers.1.\3',
    r'layers\.(\d)\.downsample\.(.+)': r'backbone.stages.\1.downsample.\2',
    r'norm\.(\w+)': r'backbone.norm3.\1',
    r'head\.(?:fc\.)?(\w+)': r'head.fc.\1',
}


def _to_unfold(value: Tensor) -> Tensor:
    """(..., 4 C), a 2x2 patch's channels by column, row, channel -> by channel, row, column, as `torch.nn.Unfold`."""
    return value.unflatten(-1, (2, 2, -1)).transpose(-1, -3).flatten(-3)


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename, put patch merging in the order of `torch.nn.Unfold`, and move it to the end of the stage before.

    timm has it at the beginning of a stage since 0.9. Files from before (``head.weight``), and Microsoft's own, have it
    where mmpretrain has it.
    """
    moved, converted = int('head.fc.weight' in state), {}
    for name, value in rename(state, _RULES).items():
        if match := re.fullmatch(r'(backbone\.stages\.)(\d)(\.downsample\..+)', name):
            before, stage, rest = match.groups()
            name, value = f'{before}{int(stage) - moved}{rest}', _to_unfold(value)
        converted[name] = value
    return converted
