"""torchvision's EfficientNet -> timm's in mmpretrain's ``TIMMBackbone``, as a whole classifier.

timm's `efficientnet_b*` pad as torchvision's do (its `tf_` ones do not); from b5 on torchvision's batch norm has the
epsilon 0.001, which a config says as ``bn_eps``.
"""
from __future__ import annotations

import re
from typing import Any

from pipelines.openmm.weights.conversions import rename

_FIRST = {'0.0': 'conv_dw', '0.1': 'bn1', '1.fc1': 'se.conv_reduce', '1.fc2': 'se.conv_expand', '2.0': 'conv_pw',
          '2.1': 'bn2'}  # does not expand
_BLOCK = {'0.0': 'conv_pw', '0.1': 'bn1', '1.0': 'conv_dw', '1.1': 'bn2', '2.fc1': 'se.conv_reduce',
          '2.fc2': 'se.conv_expand', '3.0': 'conv_pwl', '3.1': 'bn3'}


def _rules() -> dict[str, str]:
    timm = 'backbone.timm_model.'
    rules = {r'features\.0\.0\.(\w+)': rf'{timm}conv_stem.\1', r'features\.0\.1\.(\w+)': rf'{timm}bn1.\1',
             r'features\.8\.0\.(\w+)': rf'{timm}conv_head.\1', r'features\.8\.1\.(\w+)': rf'{timm}bn2.\1',
             r'classifier\.1\.(\w+)': r'head.fc.\1'}
    for stage in range(1, 8):
        for theirs, ours in (_FIRST if stage == 1 else _BLOCK).items():
            rules[rf'features\.{stage}\.(\d+)\.block\.{re.escape(theirs)}\.(\w+)'] = (
                rf'{timm}blocks.{stage - 1}.\1.{ours}.\2')
    return rules


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only."""
    return rename(state, _rules())
