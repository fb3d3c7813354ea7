"""torchvision's Faster R-CNN R-50-FPN, trained on COCO -> mmdet's, with the 80 classes of COCO in mmdet's order.

The detectors around these tensors differ a little: torchvision rounds its anchors to whole pixels, and its RoIAlign
samples 2 x 2 points per cell and is not aligned (mmdet: ``sampling_ratio=0, aligned=True``). With these three set alike
the detections are the same (tests/openmm/test_conversions.py).
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.openmm.weights.conversions import rename

if TYPE_CHECKING:
    from torch import Tensor

_RULES = {
    r'backbone\.body\.(.+)': r'backbone.\1',
    r'backbone\.fpn\.inner_blocks\.(\d)\.(?:0\.)?(\w+)': r'neck.lateral_convs.\1.conv.\2',
    r'backbone\.fpn\.layer_blocks\.(\d)\.(?:0\.)?(\w+)': r'neck.fpn_convs.\1.conv.\2',
    r'rpn\.head\.conv\.(?:0\.0\.)?(\w+)': r'rpn_head.rpn_conv.\1',
    r'rpn\.head\.cls_logits\.(\w+)': r'rpn_head.rpn_cls.\1',
    r'rpn\.head\.bbox_pred\.(\w+)': r'rpn_head.rpn_reg.\1',
    r'roi_heads\.box_head\.fc6\.(\w+)': r'roi_head.bbox_head.shared_fcs.0.\1',
    r'roi_heads\.box_head\.fc7\.(\w+)': r'roi_head.bbox_head.shared_fcs.1.\1',
    r'roi_heads\.box_predictor\.cls_score\.(\w+)': r'roi_head.bbox_head.fc_cls.\1',
    r'roi_heads\.box_predictor\.bbox_pred\.(\w+)': r'roi_head.bbox_head.fc_reg.\1',
}
_EPS = 1e-5  # of mmdet's batch norm; torchvision runs this file with 0


def _classes() -> list[int]:
    """Where torchvision's 91 outputs have COCO's 80 classes; the others are background (first) and ids never used."""
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    names = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta['categories']
    return [number for number, name in enumerate(names) if name not in ('__background__', 'N/A')]


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename, put background last, and let batch norm's scale make up for the other epsilon."""
    converted, classes = rename(state, _RULES), _classes()
    for name in [name for name in converted if name.endswith('.running_var')]:
        variance = converted[name]
        scale = f'{name.removesuffix("running_var")}weight'
        converted[scale] = converted[scale] * ((variance + _EPS) / variance).sqrt()
    head = 'roi_head.bbox_head'
    for kind in ('weight', 'bias'):
        converted[f'{head}.fc_cls.{kind}'] = converted[f'{head}.fc_cls.{kind}'][[*classes, 0]]
        boxes = converted[f'{head}.fc_reg.{kind}']
        converted[f'{head}.fc_reg.{kind}'] = boxes.unflatten(0, (-1, 4))[classes].flatten(0, 1)
    return converted
