"""mmagic's spectral norm, as `pipelines.openmm.synth.spectral_norm` mends it."""
from __future__ import annotations

import pytest
import torch


@pytest.mark.mm
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_spectral_norm_in_any_memory_format_and_under_autocast(memory_format):
    from pipelines.openmm.synth import spectral_norm  # enters mmagic
    spectral_norm.install()
    from mmagic.models.editors.biggan.biggan_snmodule import SNConv2d
    torch.manual_seed(0)
    layer = SNConv2d(6, 8, 3).to(memory_format=memory_format)
    with torch.autocast('cpu', torch.bfloat16):
        for _ in range(300):
            weight = layer.sn_weight()
        assert layer(torch.ones(1, 6, 4, 4)).dtype == torch.bfloat16
    largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
    assert weight.dtype == torch.float32 and weight.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(weight, layer.weight / largest, rtol=1e-5, atol=1e-6)
