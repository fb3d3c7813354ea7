"""pytorch-pretrained-BigGAN's BigGAN-deep generators (128 and 256 px, 1000 classes of ImageNet) -> mmagic's generator.

The mmagic generator that these fit (`SETTINGS`, and 1000 classes): ``sn_style='torch'``, for both keep W, u and v of
``torch.nn.utils.spectral_norm``; batch norm's epsilon 1e-4; 128 base channels; ``rgb2bgr``, for the file draws RGB.
mmagic's own settings for these generators leave the epsilon at 1e-5.

- The class embedding is a linear layer without bias there, an `Embedding` here: transposed.
- Batch norm has statistics for 51 truncations there; those of truncation 1 (the last) are kept, as mmagic has one set.
- The last convolution has 128 outputs there, of which the first three are the image; spectral norm divides by the norm
  of all 128. Here it has three. Its norm among all is less than 1, and spectral norm would make it 1, so the ratio goes
  into the affine batch norm in front of it: relu(s x) = s relu(x).

Source: https://github.com/huggingface/pytorch-pretrained-BigGAN, ``model.py``.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pipelines.openmm.weights.conversions import rename

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS: dict[str, Any] = dict(base_channels=128, noise_size=128, shared_dim=128, sn_style='torch', rgb2bgr=True,
                blocks_cfg=dict(type='BigGANDeepGenResBlock', bn_eps=1e-4), out_norm_cfg=dict(type='BN', eps=1e-4))

_RULES = {
    r'embeddings\.weight': 'shared_embedding.weight',
    r'generator\.gen_z\.(\w+)': r'noise2feat.\1',
    r'generator\.layers\.(\d+)\.bn_(\d)\.scale\.(\w+)': r'conv_blocks.\1.bn\2.gain.\3',
    r'generator\.layers\.(\d+)\.bn_(\d)\.offset\.(\w+)': r'conv_blocks.\1.bn\2.bias.\3',
    r'generator\.layers\.(\d+)\.bn_(\d)\.running_(mean|var)s': r'conv_blocks.\1.bn\2.bn.running_\3',
    r'generator\.layers\.(\d+)\.conv_(\d)\.(\w+)': r'conv_blocks.\1.conv\2.conv.\3',
    r'generator\.layers\.(\d+)\.snconv1x1_(theta|phi|g|o)(?:_conv)?\.(\w+)': r'conv_blocks.\1.\2.conv.\3',
    r'generator\.layers\.(\d+)\.gamma': r'conv_blocks.\1.gamma',
    r'generator\.bn\.running_(mean|var)s': r'output_layer.bn.running_\1',
    r'generator\.bn\.(\w+)': r'output_layer.bn.\1',
    r'generator\.conv_to_rgb\.(\w+)': r'output_layer.conv.\1',
}


def _from_one(name: str) -> str:
    """mmagic counts a block's layers from 1."""
    return re.sub(r'\.(bn|conv)(\d)\.', lambda match: f'.{match[1]}{int(match[2]) + 1}.', name, count=1)


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of mmagic's ``BigGANDeepGenerator``, whole."""
    import torch

    converted = {}
    for name, value in rename(state, _RULES).items():
        if '.running_' in name:
            value = value[-1]
        elif name.endswith('.gamma'):
            value = value.squeeze(0)
        converted[_from_one(name) if name.startswith('conv_blocks') else name] = value
    converted['shared_embedding.weight'] = converted['shared_embedding.weight'].T.contiguous()

    conv, norm = 'output_layer.conv', 'output_layer.bn'
    weight, u, v = (converted[f'{conv}.weight_{part}'] for part in ('orig', 'u', 'v'))
    image = weight[:3] / torch.dot(u, weight.flatten(1) @ v)
    left, singular, right = torch.linalg.svd(image.flatten(1), full_matrices=False)
    converted |= {f'{conv}.weight_orig': image, f'{conv}.weight_u': left[:, 0], f'{conv}.weight_v': right[0],
                  f'{conv}.bias': converted[f'{conv}.bias'][:3],
                  f'{norm}.weight': converted[f'{norm}.weight'] * singular[0],
                  f'{norm}.bias': converted[f'{norm}.bias'] * singular[0]}
    return converted
