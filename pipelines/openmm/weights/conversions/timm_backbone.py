"""Any timm model -> mmpretrain's ``TIMMBackbone``, which holds one as ``timm_model``, without its classifier."""
from __future__ import annotations

from typing import Any


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Names only."""
    return {f'timm_model.{name}': value for name, value in state.items()}
