"""What the tokens of a ViT attend to: attention block by block, and rollout through all of them.

Fused attention hands out no weights, so they are computed once more from the queries and keys of each block. A test
holds them times the values against what the block gives.

Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers" (arXiv 2005.00928).
"""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pipelines.analysis import attribution


def weights(attention: nn.Module, qkv: Tensor) -> tuple[Tensor, Tensor]:
    """Attention (N, heads, L, L), whose rows sum to 1, and values (N, heads, L, D), from what ``qkv`` gave."""
    count, length, _ = qkv.shape
    heads = int(attention.num_heads)
    query, key, value = qkv.reshape(count, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    for name in ('q', 'k'):
        if callable(norm := getattr(attention, f'{name}_norm', None)):  # timm's; mmpretrain's ViT has none
            query, key = (norm(query), key) if name == 'q' else (query, norm(key))
    return (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1), value


def of_blocks(network: nn.Module, forward: Any, pixels: Tensor) -> list[Tensor]:
    """By block, the attention (N, heads, L, L); none where the network is no ViT."""
    blocks = attribution.attention_blocks(attribution.body(network)[1]) or []
    modules = {str(number): block.attn.qkv for number, block in enumerate(blocks)}
    with torch.no_grad(), attribution.recording(modules) as found:
        forward(pixels)
    return [weights(block.attn, found[str(number)])[0] for number, block in enumerate(blocks)]


def rollout(attention: list[Tensor]) -> Tensor:
    """(N, L, L), whose rows sum to 1: how much of each token of the image goes into each of the last block's.

    The mean over heads, half of it the token itself for the connection around the block, multiplied through.
    """
    flow = None
    for block in attention:
        mean = block.mean(dim=1)
        step = (mean + torch.eye(mean.shape[-1], device=mean.device)) / 2
        flow = step if flow is None else step @ flow
    if flow is None:
        raise ValueError('no block')
    return flow


def on_places(tokens: Tensor, layer: attribution.Layer) -> Tensor:
    """(N, L, L) -> (N, h, w): what goes to the class token from each place; to all tokens where there is none."""
    flow = tokens[:, 0] if layer.extra else tokens.mean(dim=1)
    return flow[:, layer.extra:].reshape(len(flow), *layer.places)
