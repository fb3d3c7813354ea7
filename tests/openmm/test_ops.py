import subprocess
import sys

import pytest

from pipelines.openmm.compat import op_check, ops


def test_operators_equal_plain_pytorch():
    assert ops.install() in (ops.COMPILED, ops.TORCHVISION)
    found = op_check.differences('cpu')
    assert set(found) == {'nms', 'roi_align forward', 'roi_align backward'}
    assert max(found.values()) <= op_check.TOLERANCE


@pytest.mark.parametrize('broken', ['nms', 'roi_align_forward', 'roi_align_backward'])
def test_the_check_sees_a_wrong_operator(monkeypatch, broken):
    if ops.install() == ops.COMPILED:
        pytest.skip('a compiled mmcv._ext is in use')
    import mmcv._ext as ext
    real = getattr(ext, broken)

    def wrong(*args, **kwargs):
        result = real(*args, **kwargs)
        target = args[2] if broken == 'roi_align_forward' else args[4] if broken == 'roi_align_backward' else None
        return result.flip(0) if target is None else target.add_(1e-3)

    monkeypatch.setattr(type(ext), broken, staticmethod(wrong))
    found = op_check.differences('cpu')
    assert found[broken.replace('_forward', ' forward').replace('_backward', ' backward')] > op_check.TOLERANCE


@pytest.mark.gpu
def test_operators_equal_plain_pytorch_on_cuda():
    ops.install()
    assert max(op_check.differences('cuda').values()) <= op_check.TOLERANCE


def test_offset_one_counts_boxes_as_inclusive_pixels():
    """[0, 0, 9, 9] and [5, 0, 14, 9] hold 100 pixels each and share 50: IoU 1/3, against 36/126 = 0.286 half-open."""
    import torch
    from mmcv.ops import nms
    xyxy, scores = torch.tensor([[0., 0, 9, 9], [5, 0, 14, 9]]), torch.tensor([0.9, 0.8])
    assert nms(xyxy, scores, 0.30, offset=0)[1].tolist() == [0, 1]
    assert nms(xyxy, scores, 0.30, offset=1)[1].tolist() == [0]


def test_half_precision_comes_back_as_half():
    import torch
    from mmcv.ops import roi_align
    features = torch.randn(1, 2, 8, 8, dtype=torch.bfloat16)
    out = roi_align(features, torch.tensor([[0., 1, 1, 6, 6]], dtype=torch.bfloat16), (2, 2), 1., 2, 'avg', True)
    assert out.dtype == torch.bfloat16 and out.shape == (1, 2, 2, 2)


def test_a_missing_operator_names_itself_and_the_way_out():
    ops.install()
    import mmcv.ops  # noqa: F401
    import torch
    from mmcv.ops import batched_nms  # noqa: F401
    with pytest.raises(NotImplementedError, match="'softnms'.*compiled mmcv"):
        mmcv.ops.soft_nms(torch.tensor([[0., 0, 9, 9]]), torch.tensor([0.9]))


def test_a_compiled_extension_wins(tmp_path):
    """A module mmcv._ext that Python finds by itself is left alone."""
    code = ('import importlib.util, sys\n'
            'real = importlib.util.find_spec\n'
            'importlib.util.find_spec = lambda name, *a: real("json") if name == "mmcv._ext" else real(name, *a)\n'
            'from pipelines.openmm.compat import ops\n'
            'print(ops.install(), "mmcv._ext" in sys.modules)')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == f'{ops.COMPILED} False'
