"""mmcv's operators as this environment has them: values, gradients, precision, and what is said of missing ones."""
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipelines.openmm.compat import op_check, op_references, ops

ROOT = Path(__file__).resolve().parents[2]
NAMES = ('roi_align', 'roi_pool', 'deform_conv2d', 'modulated_deform_conv2d', 'sigmoid_focal_loss')
stand_in = pytest.mark.skipif(ops.backend() == ops.COMPILED, reason='a compiled mmcv._ext is in use')


def test_operators_equal_plain_pytorch():
    found = op_check.differences('cpu')
    assert set(found) == {'nms', *(f'{name} {way}' for name in NAMES for way in ('forward', 'backward'))}
    assert max(found.values()) <= op_check.TOLERANCE


@pytest.mark.gpu
def test_operators_equal_plain_pytorch_on_cuda():
    assert max(op_check.differences('cuda').values()) <= op_check.TOLERANCE


@pytest.mark.parametrize('name', NAMES)
def test_doubles_are_computed_as_doubles(name):
    operator, reference, inputs, others = op_check.cases(torch.Generator().manual_seed(1))[name]
    inputs = [tensor.double() for tensor in inputs]
    others = [tensor.double() if tensor.is_floating_point() else tensor for tensor in others]
    ours, truth = operator(*inputs, *others), reference(*inputs, *others)
    assert ours.dtype == torch.float64 and (ours - truth).abs().max() < 1e-12


def _differentiable(name: str) -> tuple:
    """An operator with small inputs of doubles, away from the places where it has no derivative."""
    from mmcv import ops as theirs

    torch.manual_seed(0)
    rois = torch.tensor([[0, 1.2, 0.7, 9.1, 10.4], [0, 3.3, 2.1, 7.7, 5.2]], dtype=torch.float64)
    spread = torch.randperm(36).double().reshape(1, 1, 6, 6)  # no two cells alike: a greatest one is unique
    x, weight, bias = torch.rand(1, 2, 5, 4).double(), torch.rand(2, 1, 3, 3).double(), torch.rand(2).double()
    offset = torch.randint(-2, 2, (1, 36, 3, 2)) + 0.2 + 0.6 * torch.rand(1, 36, 3, 2).double()  # between cells
    mask = torch.rand(1, 18, 3, 2).double()
    function, inputs = {
        'roi_align': (lambda f: theirs.roi_align(f, rois, (3, 3), 0.5, 2, 'avg', True), [x]),
        'roi_align, as many readings as cells': (lambda f: theirs.roi_align(f, rois, (2, 2), 0.5, 0, 'avg', False),
                                                 [x]),
        'roi_pool': (lambda f: theirs.roi_pool(f, rois, (3, 3), 0.5), [spread]),
        'deform_conv2d': (lambda *t: theirs.deform_conv2d(*t, 1, 0, 1, 2, 2), [x, offset, weight]),
        'modulated_deform_conv2d': (lambda *t: theirs.modulated_deform_conv2d(*t, 1, 0, 1, 2, 2),
                                    [x, offset, mask, weight, bias]),
        'modulated_deform_conv2d without bias': (
            lambda *t: theirs.modulated_deform_conv2d(*t, None, 1, 0, 1, 2, 2), [x, offset, mask, weight]),
        'sigmoid_focal_loss': (lambda a: theirs.sigmoid_focal_loss(a, torch.tensor([0, 3, 1]), 2., 0.25, None, 'sum'),
                               [torch.randn(3, 3).double()]),
    }[name]
    return function, [tensor.requires_grad_() for tensor in inputs]


@pytest.mark.parametrize('name', [*NAMES, 'roi_align, as many readings as cells',
                                  'modulated_deform_conv2d without bias'])
def test_gradients_are_those_of_the_values(name):
    assert torch.autograd.gradcheck(*_differentiable(name))


@stand_in
@pytest.mark.parametrize('broken, place', [
    ('nms', None), ('roi_align_forward', 2), ('roi_align_backward', 4), ('roi_pool_forward', 2),
    ('roi_pool_backward', 3), ('deform_conv_forward', 3), ('deform_conv_backward_input', 4),
    ('deform_conv_backward_parameters', 3), ('modulated_deform_conv_forward', 6),
    ('modulated_deform_conv_backward', 8), ('sigmoid_focal_loss_forward', 3), ('sigmoid_focal_loss_backward', 3)])
def test_the_check_sees_a_wrong_operator(monkeypatch, broken, place):
    import mmcv._ext as ext
    real = getattr(ext, broken)

    def wrong(*args, **kwargs):
        result = real(*args, **kwargs)
        return result.flip(0) if place is None else args[place].add_(1e-3)

    monkeypatch.setattr(ext, broken, wrong)
    found = op_check.differences('cpu')
    assert sum(value > op_check.TOLERANCE for value in found.values()) == 1


def test_offset_one_counts_boxes_as_inclusive_pixels():
    """[0, 0, 9, 9] and [5, 0, 14, 9] hold 100 pixels each and share 50: IoU 1/3, against 36/126 = 0.286 half-open."""
    from mmcv.ops import nms
    xyxy, scores = torch.tensor([[0., 0, 9, 9], [5, 0, 14, 9]]), torch.tensor([0.9, 0.8])
    assert nms(xyxy, scores, 0.30, offset=0)[1].tolist() == [0, 1]
    assert nms(xyxy, scores, 0.30, offset=1)[1].tolist() == [0]


def test_nms_tells_doubles_apart_that_are_one_float():
    from mmcv.ops import nms
    xyxy, scores = torch.tensor([[0., 0, 9, 9]] * 2).double(), torch.tensor([0.5, 0.5 + 1e-12], dtype=torch.float64)
    assert nms(xyxy, scores, 0.5)[1].tolist() == [1]


def test_roi_pooling_keeps_the_fractions_of_a_roi():
    """At a scale of 1/4, [2, 0, 5, 3] is 0.5 to 1.5 on the map: mmcv's bins reach both its cells, rounded ones one."""
    from mmcv.ops import roi_pool
    features = torch.tensor([[[[1., 2, 3, 4]]]])
    assert roi_pool(features, torch.tensor([[0., 2, 0, 5, 3]]), (1, 1), 0.25).item() == 2
    assert roi_pool(features, torch.tensor([[0., 2, 0, 5, 3]]), (1, 2), 0.25).flatten().tolist() == [1, 2]


def test_half_precision_comes_back_as_half():
    from mmcv import ops as theirs
    cases = op_check.cases(torch.Generator().manual_seed(2))
    for name, (operator, reference, inputs, others) in cases.items():
        half = [tensor.bfloat16() for tensor in inputs]
        rest = [tensor.bfloat16() if tensor.is_floating_point() else tensor for tensor in others]
        out = operator(*half, *rest)
        truth = reference(*(tensor.double() for tensor in half),
                          *(tensor.double() if tensor.is_floating_point() else tensor for tensor in rest))
        assert out.dtype == torch.bfloat16, name
        assert (out - truth).abs().max() <= 2 ** -8 * truth.abs().max(), name  # bfloat16 has 8 bits
    assert theirs.nms(op_check.boxes(torch.Generator(), 3).bfloat16(), torch.rand(3).bfloat16(), 0.5)[1].dtype \
        == torch.int64


@stand_in
@pytest.mark.parametrize('call, name', [
    (lambda theirs, x: theirs.soft_nms(x[:, :4], x[:, 4]), 'softnms'),
    (lambda theirs, x: theirs.roi_align(x[None, None], x, 2, 1., 2, 'max'), 'roi_align'),
    (lambda theirs, x: theirs.sigmoid_focal_loss(x, torch.tensor([0]), 2., 0.25, torch.ones(5)), 'sigmoid_focal_loss')])
def test_what_has_no_twin_names_itself_and_the_way_out(call, name):
    from mmcv import ops as theirs
    with pytest.raises(NotImplementedError, match=f'{name}.* no torchvision twin.*compiled mmcv'):
        call(theirs, torch.tensor([[0., 0, 9, 9, 0.9]]))


def test_a_compiled_extension_wins():
    """A module mmcv._ext that Python finds by itself is left alone."""
    code = ('from importlib.machinery import PathFinder\n'
            'real = PathFinder.find_spec\n'
            'PathFinder.find_spec = lambda name, *a: real("json") if name == "mmcv._ext" else real(name, *a)\n'
            'from pipelines.openmm.compat import ops\n'
            'import mmcv._ext\n'
            'print(ops.backend(), mmcv._ext.__file__.endswith("json/__init__.py"))')
    out = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == f'{ops.COMPILED} True'


def test_the_reference_of_nms_keeps_the_best_of_each_heap():
    xyxy = torch.tensor([[0., 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [6, 0, 16, 10]])
    assert op_references.nms(xyxy, torch.tensor([0.5, 0.9, 0.1, 0.6]), 0.5) == [1, 3, 2]
