"""mmcv's operators, whatever backend is in use, against plain PyTorch (`op_references`).

The references compute in float64 on values of about 1: what differs is the operator's own rounding.
"""
from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pipelines.openmm.compat import op_references

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-5


def boxes(generator: Any, count: int) -> Tensor:
    """(count, 4) random xyxy in 120 x 120 pixels."""
    import torch

    corner = torch.rand(count, 2, generator=generator) * 80
    return torch.cat([corner, corner + 5 + torch.rand(count, 2, generator=generator) * 40], 1)


def cases(generator: Any) -> dict[str, tuple[Callable, Callable, list[Tensor], list[Tensor]]]:
    """By operator: mmcv's, the reference, the tensors that it is differentiated for, and other arguments."""
    import torch
    from mmcv import ops

    def rand(*shape: int, scale: float = 1., shift: float = 0.) -> Tensor:
        return torch.rand(*shape, generator=generator) * scale + shift

    features = rand(2, 3, 25, 30)
    rois = torch.cat([torch.randint(0, 2, (12, 1), generator=generator).float(), boxes(generator, 12)], 1)
    rois[0, 1:] = torch.tensor([-30., -20, -10, -5])  # outside the image
    x, weight, bias = rand(2, 4, 9, 8), rand(6, 2, 3, 3, shift=-0.5), rand(6)
    offset, mask = rand(2, 36, 5, 4, scale=6, shift=-3), rand(2, 18, 5, 4)
    settings = dict(stride=2, padding=2, dilation=2, groups=2)
    logits, target = rand(20, 5, scale=6, shift=-3), torch.randint(0, 6, (20,), generator=generator)
    return {
        'roi_align': (lambda f, r: ops.roi_align(f, r, (7, 7), 0.25, 2, 'avg', True),
                      lambda f, r: op_references.roi_align(f, r, 7, 0.25, 2), [features], [rois]),
        'roi_pool': (lambda f, r: ops.roi_pool(f, r, (3, 3), 0.25),
                     lambda f, r: op_references.roi_pool(f, r, 3, 0.25), [features], [rois]),
        'deform_conv2d': (lambda *t: ops.deform_conv2d(*t, 2, 2, 2, 2, 2),
                          lambda *t: op_references.deform_conv(*t, **settings), [x, offset, weight], []),
        'modulated_deform_conv2d': (
            lambda a, o, m, w, b: ops.modulated_deform_conv2d(a, o, m, w, b, 2, 2, 2, 2, 2),
            lambda a, o, m, w, b: op_references.deform_conv(a, o, w, m, b, **settings),
            [x, offset, mask, weight, bias], []),
        'sigmoid_focal_loss': (lambda a, t: ops.sigmoid_focal_loss(a, t, 2., 0.25, None, 'none'),
                               lambda a, t: op_references.sigmoid_focal_loss(a, t, 2., 0.25), [logits], [target]),
    }


def differences(device: str) -> dict[str, float]:
    """Largest absolute difference of each operator from its reference; nms: how many kept boxes are others.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    import torch
    from mmcv.ops import nms

    generator = torch.Generator().manual_seed(0)
    xyxy, scores = boxes(generator, 200), torch.rand(200, generator=generator)
    kept = nms(xyxy.to(device), scores.to(device), 0.5)[1].tolist()
    found = {'nms': float(sum(a != b for a, b in zip_longest(kept, op_references.nms(xyxy, scores, 0.5))))}
    for name, (operator, reference, inputs, others) in cases(generator).items():
        results = []
        for kind, function in ((torch.float32, operator), (torch.float64, reference)):
            leaves = [tensor.to(device, kind).requires_grad_() for tensor in inputs]
            rest = [tensor.to(device, kind) if tensor.is_floating_point() else tensor.to(device) for tensor in others]
            out = function(*leaves, *rest)
            weight = torch.linspace(0, 1, out.numel(), device=device, dtype=kind).reshape(out.shape) / out[0, 0].numel()
            results.append((out.detach(), torch.autograd.grad((out * weight).sum(), leaves)))
        (ours, our_gradients), (truth, true_gradients) = results
        found[f'{name} forward'] = float((ours - truth).abs().max())
        found[f'{name} backward'] = max(float((a - b).abs().max()) for a, b in zip(our_gradients, true_gradients))
    return found
