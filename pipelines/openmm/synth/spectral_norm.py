"""mmagic's spectral norm, for weights in any memory format, and in float32 under autocast too."""
from __future__ import annotations

import torch
from torch import Tensor

from pipelines.openmm.compat import mmagic_import

mmagic_import.install()

from mmagic.models.editors.biggan import biggan_snmodule  # noqa: E402

_MMAGICS = biggan_snmodule.SpectralNorm.sn_weight


def sn_weight(self: biggan_snmodule.SpectralNorm) -> Tensor:
    """The weight over its largest singular value, by power iteration.

    mmagic's takes ``view`` of weights, which those in channels_last have not, and under autocast rounds the singular
    value, and with it the whole layer, to bfloat16's 8 bits.

    Source: Miyato et al. 2018, Spectral Normalization (arXiv 1802.05957), algorithm 1; code after mmagic 1.2.0.
    """
    with torch.autocast(self.weight.device.type, enabled=False):
        matrix = self.weight.flatten(1)
        matrix = matrix.t() if self.transpose else matrix
        for _ in range(self.num_iters):
            values, _, _ = biggan_snmodule.power_iteration(matrix, self.u, update=self.training, eps=self.eps)
        if self.training:
            with torch.no_grad():
                for stored, value in zip(self.sv, values):
                    stored[:] = value
        return self.weight / values[-1]


def install() -> None:
    biggan_snmodule.SpectralNorm.sn_weight = sn_weight


def uninstall() -> None:
    biggan_snmodule.SpectralNorm.sn_weight = _MMAGICS
