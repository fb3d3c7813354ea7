"""Weights of other libraries -> names and layouts of an OpenMMLab model: one module each, with ``convert(state)``."""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.core.errors import InputError


def rename(state: Mapping[str, Any], rules: Mapping[str, str | None]) -> dict[str, Any]:
    """Give every tensor the name that the first rule that fits makes of its own.

    Args:
        rules: regular expressions of whole names and their replacements (`re.Match.expand`); None: left out.
    Raises:
        InputError: a name that no rule fits: these are weights of another network.
    """
    renamed = {}
    for name, value in state.items():
        for pattern, replacement in rules.items():
            if match := re.fullmatch(pattern, name):
                if replacement is not None:
                    renamed[match.expand(replacement)] = value
                break
        else:
            raise InputError(name, expected='a tensor of the network that these weights are said to be of',
                             found='one of another', remedy='fetch the file again (python -m tools.weights)')
    return renamed
