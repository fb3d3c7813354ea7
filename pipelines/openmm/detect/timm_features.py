"""A timm network as a detector's backbone."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm


@MODELS.register_module(force=True)
class TIMMFeatures(BaseModule):
    """Feature maps of several strides; mmpretrain's ``TIMMBackbone`` with batch norm that stays as it was trained.

    A detector's batches are too small for batch statistics.

    Args:
        model_name: of timm, of a network with feature maps.
        out_indices: which of its maps; of most networks, index i has a stride of 2 ** (i + 1).
        norm_eval: statistics of batch norm stay; its scale and shift are trained.
        kwargs: of ``timm.create_model``.
    """

    def __init__(self, model_name: str, out_indices: Sequence[int] = (2, 3, 4), *, norm_eval: bool = True,
                 init_cfg: dict | None = None, **kwargs: Any) -> None:
        import timm

        super().__init__(init_cfg)
        self.norm_eval = norm_eval
        self.timm_model = timm.create_model(model_name, features_only=True, out_indices=tuple(out_indices), **kwargs)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) -> the maps, finest first."""
        return tuple(self.timm_model(x))

    def train(self, mode: bool = True) -> TIMMFeatures:
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
