"""mmcv's compiled operators from torchvision, so that the stack installs without a compiler.

``import mmcv.ops`` needs the extension ``mmcv._ext``. Where a compiled one is installed it is used. Otherwise a module
of that name is put in its place: ``nms`` and ``roi_align`` call torchvision's operators (CPU and CUDA), every other
operator raises an error that names it. Call `install` before anything imports ``mmcv.ops``.
"""
from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

COMPILED = 'compiled mmcv._ext'
TORCHVISION = 'torchvision operators'


def install() -> str:
    """Make ``mmcv._ext`` importable.

    Returns:
        the backend in use: `COMPILED` or `TORCHVISION`.
    """
    if isinstance(sys.modules.get('mmcv._ext'), _TorchvisionExt):
        return TORCHVISION
    if importlib.util.find_spec('mmcv._ext') is not None:
        return COMPILED
    module = _TorchvisionExt('mmcv._ext')
    module.__spec__ = ModuleSpec('mmcv._ext', None)  # mmengine looks for it
    sys.modules['mmcv._ext'] = module
    return TORCHVISION


class _TorchvisionExt(ModuleType):
    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise NotImplementedError(
                f'mmcv operator {name!r} has no torchvision twin; this model needs a compiled mmcv: '
                'pip install --no-build-isolation --no-binary onedl-mmcv --force-reinstall --no-deps onedl-mmcv '
                '(a compiler, and CUDA\'s nvcc for GPUs; about 20 minutes on 2 cores)')

        return missing

    @staticmethod
    def nms(boxes, scores, iou_threshold: float, offset: int):
        """Indices of the kept (N, 4) xyxy boxes, best first. Offset 1 counts boxes as inclusive pixels."""
        import torch
        from torchvision.ops import nms

        far = torch.tensor([0, 0, offset, offset], dtype=torch.float32, device=boxes.device)
        return nms(boxes.float() + far, scores.float(), iou_threshold)

    @staticmethod
    def roi_align_forward(features, rois, output, argmax_y, argmax_x, *, aligned_height: int, aligned_width: int,
                          spatial_scale: float, sampling_ratio: int, pool_mode: int, aligned: bool) -> None:
        """RoIAlign (He et al. 2017, Mask R-CNN, section 3) of (N, 5) rois: batch index, xyxy. Fills ``output``."""
        from torchvision.ops import roi_align

        if pool_mode != 1:
            raise NotImplementedError("mmcv's roi_align with pool_mode='max' has no torchvision twin; use 'avg'")
        # float32 also under autocast: torchvision's kernel takes no bfloat16.
        pooled = roi_align(features.float(), rois.float(), (aligned_height, aligned_width), spatial_scale,
                           sampling_ratio, aligned)
        output.copy_(pooled)

    @staticmethod
    def roi_align_backward(grad_output, rois, argmax_y, argmax_x, grad_input, *, aligned_height: int,
                           aligned_width: int, spatial_scale: float, sampling_ratio: int, pool_mode: int,
                           aligned: bool) -> None:
        """Gradient of `roi_align_forward` with respect to the (B, C, H, W) features. Fills ``grad_input``."""
        import torch

        grad = torch.ops.torchvision._roi_align_backward(
            grad_output.float(), rois.float(), spatial_scale, aligned_height, aligned_width, *grad_input.shape,
            sampling_ratio, aligned)
        grad_input.copy_(grad)
