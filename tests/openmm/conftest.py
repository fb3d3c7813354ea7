from __future__ import annotations

import sys
import types

import pytest


@pytest.fixture
def biggan_package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """pytorch-pretrained-BigGAN. It imports Amazon's client, which is not installed: s3:// addresses alone need it."""
    for name in ('boto3', 'botocore', 'botocore.exceptions'):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules['botocore.exceptions'].ClientError = OSError
    import pytorch_pretrained_biggan.convert_tf_to_pytorch
    return pytorch_pretrained_biggan.convert_tf_to_pytorch
