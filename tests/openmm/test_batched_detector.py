"""The batched Faster R-CNN is mmdet's: weights, losses, boxes; with operators that do not grow with the batch."""
from __future__ import annotations

import contextlib
import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.core.errors import InputError
from pipelines.openmm.detect.batched_boxes import as_on_gpu
from tools.bench.launch_count import counted

ROOT = Path(__file__).resolve().parents[2]
MODES = {'cpu': contextlib.nullcontext, 'as on a GPU': as_on_gpu}
STOCK = {'type': 'FasterRCNN', 'rpn_head.type': 'RPNHead', 'roi_head.type': 'StandardRoIHead',
         'roi_head.bbox_roi_extractor.type': 'SingleRoIExtractor'}
PLAIN_BATCH_NORM = {'backbone.norm_eval': True}  # or each loss moves its statistics


def detector(leaf: str = 'faster-rcnn_r18_fpn', *, stock: bool = False, classes: int = 1, **changes: Any) -> Any:
    """A network of mm_configs/detect/, with random weights that make its scores and boxes differ."""
    from mmdet.registry import MODELS
    from mmengine import Config

    from pipelines.openmm.engine import config

    cfg = config.load(ROOT / f'mm_configs/detect/{leaf}.py', data_root=Path('.'), num_classes=classes)
    model = Config(dict(model=cfg.model))
    changes = {**PLAIN_BATCH_NORM, **(STOCK if stock else {}), 'backbone.init_cfg': None,
               'roi_head.bbox_head.num_classes': classes, **changes}
    model.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    torch.manual_seed(0)
    network = MODELS.build(model.model)
    network.init_weights()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith(('rpn_head', 'roi_head')):
                weight.mul_(20 if 'cls' in name else 3)
    return network


def batch(images: int, *, truths: tuple[int, ...] = (1, 0, 3), classes: int = 1, size: tuple[int, int] = (96, 160),
          ignored: bool = False) -> dict[str, Any]:
    """Random pictures of several sizes, with so many annotated boxes in turn."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    generator = torch.Generator().manual_seed(1)
    inputs, samples = [], []

    def boxes(count: int, height: int, width: int) -> torch.Tensor:
        corner = torch.rand(count, 2, generator=generator) * torch.tensor([width * .5, height * .5])
        return torch.cat([corner, corner + 12 + torch.rand(count, 2, generator=generator) * 30], dim=1)

    for number in range(images):
        height, width = [(size[0], size[1]), (size[0] * 5 // 8, size[1] * 5 // 8), (size[0], size[1] // 2)][number % 3]
        inputs.append(torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator))
        count = truths[number % len(truths)]
        sample = DetDataSample(metainfo=dict(img_shape=(height, width), ori_shape=(2 * height, 3 * width),
                                             scale_factor=(1 / 3, 1 / 2), img_id=number))
        sample.gt_instances = InstanceData(
            bboxes=boxes(count, height, width), labels=torch.randint(0, classes, (count,), generator=generator))
        if ignored:
            sample.ignored_instances = InstanceData(bboxes=torch.tensor([[0., 0, 70, 90]]), labels=torch.tensor([0]))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def losses(network: Any, data: dict[str, Any]) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Loss terms, and the gradients of their sum."""
    network.train()
    found = network(**network.data_preprocessor(copy.deepcopy(data), True), mode='loss')
    network.zero_grad()
    network.parse_losses(found)[0].backward()
    return ({name: float(sum(value) if isinstance(value, list) else value) for name, value in found.items()},
            {name: weight.grad for name, weight in network.named_parameters() if weight.grad is not None})


@torch.no_grad()
def predictions(network: Any, data: dict[str, Any]) -> list[Any]:
    network.eval()
    found = network(**network.data_preprocessor(copy.deepcopy(data), False), mode='predict')
    return [sample.pred_instances for sample in found]


ALL = {'train_cfg.rpn.sampler.num': 100_000, 'train_cfg.rcnn.sampler.num': 100_000}  # nothing is drawn
CASES = {
    'as the recipe says': dict(),
    'classes': dict(classes=5),
    'one box for all classes': {'classes': 5, 'roi_head.bbox_head.reg_class_agnostic': True},
    'smooth L1, weighted objects': {
        'rpn_head.loss_bbox': dict(_delete_=True, type='SmoothL1Loss', beta=0.1), 'train_cfg.rpn.pos_weight': 2.,
        'train_cfg.rcnn.pos_weight': 3.},
    'regions to ignore': {'ignored': True, 'train_cfg.rpn.assigner.ignore_iof_thr': 0.5,
                          'train_cfg.rcnn.assigner.ignore_iof_thr': 0.5},
    'no annotated box at all': dict(truths=(0,)),
}


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('case', CASES)
def test_losses_and_gradients_are_mmdets(case, mode):
    options = {key: value for key, value in CASES[case].items() if key in ('ignored', 'truths')}
    changes = {key: value for key, value in CASES[case].items() if key not in options}
    classes = changes.pop('classes', 1)
    theirs, ours = (detector(stock=stock, classes=classes, **ALL, **changes) for stock in (True, False))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    data = batch(3, classes=classes, **options)
    expected, their_gradients = losses(theirs, data)
    with MODES[mode]():
        found, gradients = losses(ours, data)
    assert found == pytest.approx(expected, abs=1e-5)
    assert found['loss_rpn_cls'] > 0.1 and (found['loss_bbox'] > 0.001 or options.get('truths') == (0,))
    assert gradients.keys() == their_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, their_gradients[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('classes, changes', [
    (1, {}), (1, {'test_cfg.rpn.max_per_img': 1000}), (1, {'test_cfg.rpn.min_bbox_size': 20}),
    (40, {'test_cfg.rcnn.score_thr': 0.02, 'test_cfg.rcnn.max_per_img': 100}), (1, {'test_cfg.rcnn.score_thr': 1.})])
def test_boxes_are_mmdets(classes, changes, mode):
    theirs, ours = (detector(stock=stock, classes=classes, **changes) for stock in (True, False))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    data = batch(3)
    expected = predictions(theirs, data)
    with MODES[mode]():
        found = predictions(ours, data)
    assert sum(map(len, expected)) > 0 or changes.get('test_cfg.rcnn.score_thr') == 1
    for own, their in zip(found, expected):
        assert len(own) == len(their)
        assert torch.equal(own.labels, their.labels)
        torch.testing.assert_close(own.scores, their.scores, rtol=0, atol=1e-6)
        torch.testing.assert_close(own.bboxes, their.bboxes, rtol=0, atol=1e-3)  # pixels of the original


def test_half_precision_is_as_for_mmdets():
    from pipelines.openmm.engine import speed

    theirs, ours = (speed.apply(detector(stock=stock, **ALL), dtype='bfloat16') for stock in (True, False))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    data = batch(2, truths=(1, 2))
    expected, _ = losses(theirs, data)
    for mode in MODES.values():
        with mode():
            found, gradients = losses(ours, data)
            boxes = predictions(ours, data)
        assert found == pytest.approx(expected, rel=2e-2)
        assert all(gradient.dtype == torch.float32 for gradient in gradients.values())
        assert [image.bboxes.dtype for image in boxes] == [torch.float32] * 2


def operators(network: Any, data: dict[str, Any], *, runs: int = 2) -> dict[str, tuple[int, int]]:
    """Operators and waits of the network in training, and of inference: of the last run, which knows the shapes."""
    found = {}
    for phase in ('loss', 'predict'):
        network.train(phase == 'loss')
        inputs = network.data_preprocessor(copy.deepcopy(data), phase == 'loss')
        with torch.set_grad_enabled(phase == 'loss'):
            for _ in range(runs):
                network.zero_grad()
                with counted() as counts:
                    result = network(**inputs, mode=phase)
                    if phase == 'loss':
                        network.parse_losses(result)[0].backward()
        found[phase] = counts.totals()['network']
    return found


def test_neither_operators_nor_waits_grow_with_the_batch():
    ours, theirs = (detector(stock=stock) for stock in (False, True))
    few, many = (operators(ours, batch(images, truths=(1,))) for images in (2, 6))
    assert few == many
    assert few['loss'][1] <= 20 and few['predict'][1] <= 4
    stock = [operators(theirs, batch(images, truths=(1,))) for images in (2, 6)]
    assert stock[1]['loss'][0] > stock[0]['loss'][0] + 4 * 400 and stock[1]['loss'][1] > stock[0]['loss'][1] + 4 * 20


@pytest.mark.mm
def test_r101_at_batch_16_stays_below_its_limits():
    found = operators(detector('faster-rcnn_r101_fpn'), batch(16, truths=(1, 3), size=(48, 48)), runs=1)
    assert found['loss'][0] <= 2500 and found['loss'][1] <= 20
    assert found['predict'][0] <= 1200 and found['predict'][1] <= 4


@pytest.mark.gpu
def test_a_gpu_finds_mmdets_losses_and_waits_as_seldom_as_counted():
    theirs, ours = (detector(stock=stock, **ALL).cuda() for stock in (True, False))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    data = batch(3)
    expected, _ = losses(theirs, data)
    found, _ = losses(ours, data)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    inputs = ours.data_preprocessor(copy.deepcopy(data), True)
    torch.cuda.set_sync_debug_mode('warn')
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            ours.parse_losses(ours(**inputs, mode='loss'))[0].backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert sum('synchroniz' in str(warning.message) for warning in said) <= 20


@pytest.mark.parametrize('change, key', [
    ({'train_cfg.rpn.sampler.type': 'PseudoSampler'}, 'sampler'),
    ({'train_cfg.rcnn.assigner.gt_max_assign_all': False}, 'gt_max_assign_all'),
    ({'train_cfg.rpn.allowed_border': 0}, 'allowed_border'),
    ({'rpn_head.loss_cls': dict(_delete_=True, type='FocalLoss', use_sigmoid=True)}, 'loss_cls'),
    ({'roi_head.bbox_head.loss_bbox': dict(_delete_=True, type='GIoULoss')}, 'loss_bbox'),
    ({'roi_head.bbox_head.reg_decoded_bbox': True}, 'reg_decoded_bbox'),
    ({'roi_head.bbox_roi_extractor.roi_layer.sampling_ratio': 2}, 'sampling_ratio'),
    ({'test_cfg.rcnn.nms.type': 'soft_nms'}, 'nms'),
    ({'train_cfg.rpn_proposal.nms.class_agnostic': True}, 'nms'),
    ({'rpn_head.type': 'RPNHead'}, 'rpn_head')])
def test_a_setting_that_is_not_computed_is_refused(change, key):
    with pytest.raises(InputError, match=key):
        detector(**change)


def test_proposals_of_the_data_are_refused():
    data = batch(1)
    data['data_samples'][0].proposals = data['data_samples'][0].gt_instances
    with pytest.raises(InputError, match='proposals'):
        predictions(detector(), data)
