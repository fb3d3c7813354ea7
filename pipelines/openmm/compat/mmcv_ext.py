"""What takes the name ``mmcv._ext`` where no compiled one is installed: mmcv's operators from torchvision's.

Each function has the arguments of the C++ function of its name and fills the tensors that mmcv hands it. CPU and CUDA.
Doubles are computed as doubles; half precision, of which torchvision's kernels take little, as float32. Operators
without a twin in torchvision raise an error that names them.
"""
from __future__ import annotations

from typing import Any

import torch
import torchvision  # noqa: F401  (loads torch.ops.torchvision)
from torch import Tensor

_OPS = torch.ops.torchvision


def _missing(what: str) -> NotImplementedError:
    return NotImplementedError(
        f'mmcv operator {what} has no torchvision twin; this model needs a compiled mmcv: '
        'pip install --no-build-isolation --no-binary onedl-mmcv --force-reinstall --no-deps onedl-mmcv '
        '(a compiler, and CUDA\'s nvcc for GPUs; about 20 minutes on 2 cores)')


def __getattr__(name: str) -> Any:
    if name.startswith('__'):
        raise AttributeError(name)

    def missing(*args: Any, **kwargs: Any) -> None:
        raise _missing(repr(name))

    return missing


def get_compiler_version() -> str:
    return f'none: torchvision {torchvision.__version__}'


def get_compiling_cuda_version() -> str:
    return get_compiler_version()


def _computed(*tensors: Tensor) -> list[Tensor]:
    """Tensors of the first one's kind; half precision becomes float32."""
    kind = tensors[0].dtype if tensors[0].dtype == torch.float64 else torch.float32
    return [tensor.to(kind) for tensor in tensors]


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices of the kept (N, 4) xyxy boxes, best first. Offset 1 counts boxes as inclusive pixels."""
    boxes, scores = _computed(boxes, scores)
    return _OPS.nms(boxes + boxes.new_tensor([0, 0, offset, offset]), scores, iou_threshold)


def _only_mean(pool_mode: int) -> None:
    if pool_mode != 1:
        raise _missing("'roi_align' with pool_mode='max' (use 'avg')")


def roi_align_forward(features: Tensor, rois: Tensor, output: Tensor, argmax_y: Tensor, argmax_x: Tensor, *,
                      aligned_height: int, aligned_width: int, spatial_scale: float, sampling_ratio: int,
                      pool_mode: int, aligned: bool) -> None:
    """RoIAlign (He et al. 2017, Mask R-CNN, section 3) of (N, 5) rois: batch index, xyxy. Fills ``output``."""
    _only_mean(pool_mode)
    output.copy_(_OPS.roi_align(*_computed(features, rois), spatial_scale, aligned_height, aligned_width,
                                sampling_ratio, aligned))


def roi_align_backward(grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor, *,
                       aligned_height: int, aligned_width: int, spatial_scale: float, sampling_ratio: int,
                       pool_mode: int, aligned: bool) -> None:
    """Gradient of `roi_align_forward` with respect to the (B, C, H, W) features. Fills ``grad_input``."""
    _only_mean(pool_mode)
    grad_input.copy_(_OPS._roi_align_backward(*_computed(grad_output, rois), spatial_scale, aligned_height,
                                              aligned_width, *grad_input.shape, sampling_ratio, aligned))


def _bins(rois: Tensor, size: tuple[int, int], scale: float, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """mmcv's bins of RoI pooling, each as a RoI of its own of whole cells, which torchvision pools to one value.

    mmcv divides the unrounded RoI [x1 * scale, (x2 + 1) * scale] and lets bins grow to whole cells; torchvision rounds
    the RoI first, as Fast R-CNN did. Of a RoI of whole cells both make the same.

    Returns:
        (N * height * width, 5) rois with inclusive corners, and (N, 1, height, width): the bin holds a cell.
    """
    edges = []
    for axis, count in enumerate(size):  # y, x
        start, end = rois[:, 2 - axis] * scale, (rois[:, 4 - axis] + 1) * scale
        steps = torch.arange(count, device=rois.device)
        width = ((end - start) / count)[:, None]
        low, high = (steps * width + start[:, None]).floor(), ((steps + 1) * width + start[:, None]).ceil()
        low, high = low.clamp(0, shape[2 + axis]), high.clamp(0, shape[2 + axis])
        edges.append((low, torch.where(width > 0, high, low)))
    (top, bottom), (left, right) = edges
    grid = torch.broadcast_tensors(rois[:, 0, None, None], left[:, None], top[:, :, None], right[:, None] - 1,
                                   bottom[:, :, None] - 1)
    full = (right > left)[:, None] & (bottom > top)[:, :, None]
    return torch.stack(grid, -1).reshape(-1, 5), full[:, None]


def roi_pool_forward(features: Tensor, rois: Tensor, output: Tensor, argmax: Tensor, *, pooled_height: int,
                     pooled_width: int, spatial_scale: float) -> None:
    """The greatest value of each bin (Girshick 2015, Fast R-CNN, section 2.1). Fills ``output``, ``argmax``."""
    features, rois = _computed(features, rois)
    bins, full = _bins(rois, (pooled_height, pooled_width), spatial_scale, features.shape)
    for target, found, nothing in zip((output, argmax), _OPS.roi_pool(features, bins, 1., 1, 1), (0, -1)):
        found = found.reshape(len(rois), pooled_height, pooled_width, -1).permute(0, 3, 1, 2)
        target.copy_(torch.where(full, found, nothing))


def roi_pool_backward(grad_output: Tensor, rois: Tensor, argmax: Tensor, grad_input: Tensor, *, pooled_height: int,
                      pooled_width: int, spatial_scale: float) -> None:
    """Gradient of `roi_pool_forward` with respect to the (B, C, H, W) features. Fills ``grad_input``."""
    grad_output, rois = _computed(grad_output, rois)
    grad_input.copy_(_OPS._roi_pool_backward(grad_output.contiguous(), rois, argmax, spatial_scale, pooled_height,
                                             pooled_width, *grad_input.shape))


def _deform(x: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None, stride: tuple,
            padding: tuple, dilation: tuple, groups: int, offset_groups: int, grad: Tensor | None = None) -> Any:
    """torchvision's deformable convolution; of ``grad``, its gradients for x, weight, offset, mask and bias."""
    mask_or_none = x.new_zeros(len(x), 1) if mask is None else mask
    bias_or_none = x.new_zeros(len(weight)) if bias is None or not bias.numel() else bias
    inputs = _computed(x, weight, offset, mask_or_none, bias_or_none)
    settings = *stride, *padding, *dilation, groups, offset_groups, mask is not None
    if grad is None:
        return _OPS.deform_conv2d(*inputs, *settings)
    return _OPS._deform_conv2d_backward(grad.to(inputs[0]), *inputs, *settings)


def deform_conv_forward(x: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor, *,
                        kW: int, kH: int, dW: int, dH: int, padW: int, padH: int, dilationW: int, dilationH: int,
                        group: int, deformable_group: int, im2col_step: int) -> None:
    """Deformable convolution (Dai et al. 2017, section 2.1). Fills ``output``."""
    output.copy_(_deform(x, weight, offset, None, None, (dH, dW), (padH, padW), (dilationH, dilationW), group,
                         deformable_group))


def deform_conv_backward_input(x: Tensor, offset: Tensor, grad_output: Tensor, grad_input: Tensor, grad_offset: Tensor,
                               weight: Tensor, columns: Tensor, *, kW: int, kH: int, dW: int, dH: int, padW: int,
                               padH: int, dilationW: int, dilationH: int, group: int, deformable_group: int,
                               im2col_step: int) -> None:
    """Gradients of `deform_conv_forward` with respect to input and offset. Fills both."""
    found = _deform(x, weight, offset, None, None, (dH, dW), (padH, padW), (dilationH, dilationW), group,
                    deformable_group, grad_output)
    grad_input.copy_(found[0])
    grad_offset.copy_(found[2])


def deform_conv_backward_parameters(x: Tensor, offset: Tensor, grad_output: Tensor, grad_weight: Tensor,
                                    columns: Tensor, ones: Tensor, *, kW: int, kH: int, dW: int, dH: int, padW: int,
                                    padH: int, dilationW: int, dilationH: int, group: int, deformable_group: int,
                                    scale: float, im2col_step: int) -> None:
    """Gradient of `deform_conv_forward` with respect to the weight, times ``scale``. Added to ``grad_weight``."""
    found = _deform(x, grad_weight, offset, None, None, (dH, dW), (padH, padW), (dilationH, dilationW), group,
                    deformable_group, grad_output)  # linear in the weight: its gradient does not depend on it
    grad_weight.add_(found[1], alpha=scale)


def modulated_deform_conv_forward(x: Tensor, weight: Tensor, bias: Tensor, ones: Tensor, offset: Tensor, mask: Tensor,
                                  output: Tensor, columns: Tensor, *, kernel_h: int, kernel_w: int, stride_h: int,
                                  stride_w: int, pad_h: int, pad_w: int, dilation_h: int, dilation_w: int, group: int,
                                  deformable_group: int, with_bias: bool) -> None:
    """Modulated deformable convolution (Zhu et al. 2019, section 3.2). Fills ``output``."""
    output.copy_(_deform(x, weight, offset, mask, bias, (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w),
                         group, deformable_group))


def modulated_deform_conv_backward(x: Tensor, weight: Tensor, bias: Tensor, ones: Tensor, offset: Tensor, mask: Tensor,
                                   columns: Tensor, grad_input: Tensor, grad_weight: Tensor, grad_bias: Tensor,
                                   grad_offset: Tensor, grad_mask: Tensor, grad_output: Tensor, *, kernel_h: int,
                                   kernel_w: int, stride_h: int, stride_w: int, pad_h: int, pad_w: int,
                                   dilation_h: int, dilation_w: int, group: int, deformable_group: int,
                                   with_bias: bool) -> None:
    """Gradients of `modulated_deform_conv_forward`. Fills all five."""
    found = _deform(x, weight, offset, mask, bias, (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w),
                    group, deformable_group, grad_output)
    targets = grad_input, grad_weight, grad_offset, grad_mask, grad_bias
    for target, gradient in zip(targets if with_bias else targets[:4], found):
        target.copy_(gradient)


def _focal_loss(x: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    if weight.numel():
        raise _missing("'sigmoid_focal_loss' with a weight for each class")
    wanted = torch.nn.functional.one_hot(target, x.shape[1] + 1)[:, :-1]  # the last is background
    return torchvision.ops.sigmoid_focal_loss(x, wanted.to(x), alpha, gamma, 'none')


def sigmoid_focal_loss_forward(x: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float,
                               alpha: float) -> None:
    """Focal loss (Lin et al. 2017, section 3.2) of (N, C) logits; target C is background. Fills ``output``."""
    output.copy_(_focal_loss(_computed(x)[0], target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(x: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, *, gamma: float,
                                alpha: float) -> None:
    """Gradient of each logit's own loss. Fills ``grad_input``."""
    with torch.enable_grad():
        logits = _computed(x)[0].detach().requires_grad_()
        loss = _focal_loss(logits, target, weight, gamma, alpha).sum()
    grad_input.copy_(torch.autograd.grad(loss, logits)[0])
