"""Random weights in the source's own model and, converted, in OpenMMLab's: the same outputs, at full size.

Both run in float64, so that what is left of 1e-5 is no room for another layer order, epsilon or padding.
"""
from __future__ import annotations

import re
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipelines.core.errors import InputError
from pipelines.openmm.compat import scope
from pipelines.openmm.weights.conversions import (
    biggan_deep,
    convnext,
    densenet,
    efficientnet,
    faster_rcnn,
    mobilenet_v2,
    swin,
    vit,
)
from pipelines.openmm.weights.fit import misfits

TOLERANCE = 1e-5


def randomise(model: nn.Module) -> nn.Module:
    """Make every tensor count: statistics, scales and biases, which start as 0 or 1, get random values near these."""
    source = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        scale = name.rsplit('.', 1)[-1] in ('weight', 'gamma', 'running_var', 'running_vars')
        if scale and (tensor.ndim == 1 or 'running' in name):
            tensor.copy_(torch.rand(tensor.shape, generator=source) + 0.5)
        elif tensor.ndim == 1 and tensor.is_floating_point() or 'running_mean' in name:
            tensor.copy_(torch.randn(tensor.shape, generator=source) / 10)
    return model.double().eval()


def images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def fill(config: dict, library: str, state: dict[str, Tensor]) -> Any:
    """The OpenMMLab model with exactly these tensors."""
    scope.enter(library)
    from mmengine.registry import MODELS

    model = MODELS.build(config).double().eval()
    own = model.state_dict()
    assert misfits(own, state) == ([], [])
    assert set(state) <= set(own)
    model.load_state_dict(state, strict=False)
    return model


def classifier(backbone: dict, head: dict, neck: dict | None = None) -> dict:
    return dict(type='ImageClassifier', backbone=backbone, neck=neck, head=dict(num_classes=1000, **head))


LINEAR, POOL = dict(type='LinearClsHead'), dict(type='GlobalAveragePooling')
CLASSIFIERS = {
    'densenet121': (densenet, classifier(dict(type='DenseNet', arch='121'), dict(LINEAR, in_channels=1024), POOL)),
    'mobilenet_v2': (mobilenet_v2, classifier(dict(type='MobileNetV2'), dict(LINEAR, in_channels=1280), POOL)),
    'efficientnet_b5': (efficientnet, classifier(dict(type='TIMMBackbone', model_name='efficientnet_b5', bn_eps=1e-3),
                                                 dict(LINEAR, in_channels=2048), POOL)),
    'vit_base_patch16_224': (vit, classifier(dict(type='VisionTransformer', arch='b', patch_size=16),
                                             dict(type='VisionTransformerClsHead', in_channels=768))),
    'vit_base_patch32_224': (vit, classifier(dict(type='VisionTransformer', arch='b', patch_size=32),
                                             dict(type='VisionTransformerClsHead', in_channels=768))),
    'swin_base_patch4_window7_224': (swin, classifier(dict(type='SwinTransformer', arch='base'),
                                                      dict(LINEAR, in_channels=1024), POOL)),
    'convnext_base': (convnext, classifier(dict(type='ConvNeXt', arch='base'), dict(LINEAR, in_channels=1024))),
}


def source_classifier(name: str) -> nn.Module:
    if name in ('densenet121', 'mobilenet_v2', 'efficientnet_b5'):
        import torchvision
        return randomise(getattr(torchvision.models, name)())
    import timm
    return randomise(timm.create_model(name, pretrained=False))


@pytest.mark.parametrize('name', [pytest.param(name, marks=() if name == 'mobilenet_v2' else pytest.mark.mm)
                                  for name in CLASSIFIERS])
@torch.inference_mode()
def test_a_classifier_gives_the_same_logits(name):
    conversion, config = CLASSIFIERS[name]
    source = source_classifier(name)
    ours = fill(config, 'mmpretrain', conversion.convert(source.state_dict()))
    x = images(2, 3, 224, 224)
    logits = source(x)
    assert logits.std() > 0.1
    assert (ours(x, mode='tensor') - logits).abs().max() < TOLERANCE


def test_swin_files_from_before_timm_0_9_are_the_same_weights():
    import timm
    state = timm.create_model('swin_tiny_patch4_window7_224', pretrained=False).state_dict()
    old = {re.sub(r'^layers\.(\d)\.downsample', lambda match: f'layers.{int(match[1]) - 1}.downsample', name)
           .replace('head.fc.', 'head.'): value for name, value in state.items()}
    old['layers.0.blocks.1.attn_mask'] = torch.zeros(64, 49, 49)
    converted, converted_old = swin.convert(state), swin.convert(old)
    assert converted.keys() == converted_old.keys()
    assert all(torch.equal(converted[name], converted_old[name]) for name in converted)


def test_weights_of_another_network_are_refused():
    with pytest.raises(InputError, match='fc.weight: expected a tensor of the network'):
        mobilenet_v2.convert({'features.0.0.weight': torch.zeros(1), 'fc.weight': torch.zeros(1)})


@pytest.fixture
def torchvision_detector() -> nn.Module:
    """torchvision's Faster R-CNN R-50-FPN as it runs its COCO file: frozen batch norm without epsilon."""
    from torchvision.models import resnet50
    from torchvision.models.detection import FasterRCNN, backbone_utils
    from torchvision.models.detection._utils import overwrite_eps
    from torchvision.ops.misc import FrozenBatchNorm2d
    torch.manual_seed(0)
    body = resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
    model = FasterRCNN(backbone_utils._resnet_fpn_extractor(body, 3), num_classes=91)
    overwrite_eps(model, 0.0)
    randomise(model)
    for name, tensor in body.state_dict().items():
        if name.endswith('bn3.weight'):
            tensor *= 0.3  # or 16 blocks of random weights add up to large numbers
    predictor = model.roi_heads.box_predictor
    predictor.cls_score.weight.data *= 30  # random scores that differ
    predictor.bbox_pred.weight.data *= 5
    unused = sorted(set(range(1, 91)) - set(faster_rcnn._classes()))
    assert len(unused) == 10
    predictor.cls_score.bias.data[unused] = -1000  # ids that COCO does not use, as its training leaves them
    return model


@torch.inference_mode()
@pytest.mark.mm
def test_faster_rcnn_gives_the_same_detections(torchvision_detector):
    from torchvision.models.detection.image_list import ImageList
    config = detector()
    ours = fill(config, 'mmdet', faster_rcnn.convert(torchvision_detector.state_dict()))
    for anchors in ours.rpn_head.prior_generator.base_anchors:
        anchors.round_()  # as torchvision's

    from mmdet.structures import DetDataSample
    x, size = images(1, 3, 256, 320), (256, 320)
    features = torchvision_detector.backbone(x)
    own = ours.extract_feat(x)
    for theirs, mine in zip(features.values(), own, strict=True):
        assert theirs.std() > 0.1 and (theirs - mine).abs().max() < TOLERANCE
    for theirs, mine in zip(torchvision_detector.rpn.head(list(features.values())), ours.rpn_head(own)):
        assert all((a - b).abs().max() < TOLERANCE for a, b in zip(theirs, mine, strict=True))

    proposals, _ = torchvision_detector.rpn(ImageList(x, [size]), features)
    theirs = torchvision_detector.roi_heads(features, proposals, [size])[0][0]
    sample = DetDataSample(metainfo=dict(img_shape=size, ori_shape=size, scale_factor=(1, 1)))
    mine = ours.predict(x, [sample], rescale=False)[0].pred_instances
    assert len(mine) == len(theirs['boxes']) > 20
    assert (theirs['boxes'] - mine.bboxes).abs().max() < TOLERANCE
    assert (theirs['scores'] - mine.scores).abs().max() < TOLERANCE
    assert [torchvision_classes()[label] for label in theirs['labels']] == \
        [mmdet_classes()[label] for label in mine.labels]


def detector() -> dict:
    """mmdet's own Faster R-CNN R-50-FPN, with torchvision's RoIAlign."""
    scope.enter('mmdet')
    from mmengine.hub import get_config
    config = get_config('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py').model
    config.backbone.init_cfg = None
    config.roi_head.bbox_roi_extractor.roi_layer.update(sampling_ratio=2, aligned=False)
    return config


def torchvision_classes() -> list[str]:
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights
    return FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta['categories']


def mmdet_classes() -> tuple[str, ...]:
    from mmdet.datasets import CocoDataset
    return CocoDataset.METAINFO['classes']


def test_faster_rcnn_files_have_older_names_than_the_model(torchvision_detector):
    """The downloaded file is older than torchvision's blocks of convolution, norm and activation."""
    state = torchvision_detector.state_dict()
    old = {re.sub(r'(inner_blocks\.\d|layer_blocks\.\d)\.0\.|(rpn\.head\.conv)\.0\.0\.',
                  lambda match: f'{match[1] or match[2]}.', name): value for name, value in state.items()}
    assert 'backbone.fpn.inner_blocks.0.weight' in old and 'rpn.head.conv.bias' in old
    assert faster_rcnn.convert(old).keys() == faster_rcnn.convert(state).keys()


def source_generator(package: types.ModuleType, size: int) -> nn.Module:
    torch.manual_seed(0)
    model = randomise(package.BigGAN(getattr(package, f'BigGAN{size}')))
    model.embeddings.weight.data *= 30  # as large as the noise beside it
    for module in model.modules():
        if hasattr(module, 'weight_u'):  # as the package's own conversion from TensorFlow leaves u and v
            weight = module.weight_orig.flatten(1)
            module.weight_v = nn.functional.normalize(weight.T @ module.weight_u, dim=0)
            module.weight_u = nn.functional.normalize(weight @ module.weight_v, dim=0)
    return model


@pytest.mark.mm
@pytest.mark.parametrize('size', [128, 256])
@torch.inference_mode()
def test_biggan_deep_draws_the_same_images(biggan_package, size):
    source = source_generator(biggan_package, size)
    scope.enter('mmagic')
    config = dict(type='BigGANDeepGenerator', output_scale=size, num_classes=1000, init_type='N02',
                  **biggan_deep.SETTINGS)
    ours = fill(config, 'mmagic', biggan_deep.convert(source.state_dict()))
    z, labels = images(1, 128).expand(2, -1), torch.tensor([3, 977])  # one noise, two classes
    theirs = source(z, nn.functional.one_hot(labels, 1000).double(), 1.0)
    mine = ours(z, label=labels)
    assert theirs.std() > 0.05 and (theirs[0] - theirs[1]).abs().max() > 0.05
    assert (mine.flip(1) - theirs).abs().max() < TOLERANCE  # ours draws BGR, as mmagic trains
    norm = torch.linalg.matrix_norm(ours.output_layer.conv.weight.flatten(1), 2)
    assert norm.item() == pytest.approx(1)  # spectral norm would change nothing: training goes on from here
