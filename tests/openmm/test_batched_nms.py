"""Suppression of many sets at once, and sampling by random numbers, against torchvision's and mmdet's."""
from __future__ import annotations

import pytest
import torch
from torchvision.ops import nms as torchvision_nms

from pipelines.openmm.detect import batched_nms
from pipelines.openmm.detect.batched_boxes import Boxes, as_on_gpu, images_of, overlaps, pad
from pipelines.openmm.detect.batched_targets import assign, sample


@pytest.fixture
def mmdet() -> None:
    from pipelines.openmm.compat import scope

    scope.enter('mmdet')


def random_boxes(*shape: int) -> torch.Tensor:
    corner = torch.rand(*shape, 2) * 100
    return torch.cat([corner, corner + torch.rand(*shape, 2) * 60 + 1], dim=-1)


@pytest.mark.parametrize('threshold', [0.3, 0.5, 0.7])
@pytest.mark.parametrize('count', [1, 40, 300])
def test_each_set_is_suppressed_as_torchvision_does(count, threshold):
    torch.manual_seed(count)
    boxes, valid = random_boxes(5, count), torch.rand(5, count) > 0.2
    expected = torch.zeros_like(valid)
    for number in range(5):
        rows = valid[number].nonzero()[:, 0]
        scores = torch.linspace(1, 0, len(rows))
        expected[number, rows[torchvision_nms(boxes[number, rows], scores, threshold)]] = True
    assert torch.equal(batched_nms.nms(boxes, valid, threshold), expected)
    with as_on_gpu():
        assert torch.equal(batched_nms.nms(boxes, valid, threshold), expected)


def test_a_chain_longer_than_the_rounds_is_settled():
    left = torch.arange(100.) * 4  # each overlaps the next by 6 of 14
    boxes = torch.stack([left, torch.zeros(100), left + 10, torch.full((100,), 10.)], dim=1)[None]
    with as_on_gpu():
        stays = batched_nms.nms(boxes, torch.ones(1, 100, dtype=torch.bool), 0.4)
    assert stays[0].tolist() == [number % 2 == 0 for number in range(100)]


def test_sets_are_compared_in_parts_that_fit_memory(monkeypatch):
    torch.manual_seed(0)
    boxes, valid = random_boxes(6, 30), torch.ones(6, 30, dtype=torch.bool)
    expected = batched_nms.nms(boxes, valid, 0.5)
    monkeypatch.setattr(batched_nms, 'PAIRS', 2 * 30 ** 2)
    with as_on_gpu():
        assert torch.equal(batched_nms.nms(boxes, valid, 0.5), expected)


def test_overlaps_are_mmdets(mmdet):
    from mmdet.structures.bbox import bbox_overlaps

    torch.manual_seed(0)
    a, b = random_boxes(2, 3), random_boxes(2, 7)
    for of, mode, first in (('union', 'iou', (a, b)), ('a', 'iof', (a, b)), ('b', 'iof', (b, a))):
        expected = bbox_overlaps(*first, mode=mode)
        assert torch.equal(overlaps(a, b, of=of), expected.transpose(1, 2) if of == 'b' else expected)


def test_padding_is_to_a_power_of_two():
    from mmengine.structures import InstanceData

    counts = [2, 0, 3]
    instances = [InstanceData(bboxes=torch.full((count, 4), float(count)), labels=torch.full((count,), count))
                 for count in counts]
    found = pad(instances, torch.device('cpu'))
    assert found.valid.sum(dim=1).tolist() == counts and found.valid.shape == (3, 4)
    assert found.labels.tolist() == [[2, 2, 0, 0], [0, 0, 0, 0], [3, 3, 3, 0]]
    assert found.xyxy[2, :, 0].tolist() == [3, 3, 3, 0]
    assert pad(instances[1:2], torch.device('cpu')).valid.tolist() == [[False]]


def test_sizes_of_images_are_width_and_height():
    images = images_of([dict(img_shape=(30, 50), pad_shape=(32, 64), scale_factor=(0.5, 0.25))], torch.device('cpu'))
    assert [values.tolist() for values in images] == [[[50, 30]], [[64, 32]], [[2, 4]]]


def sampler(**settings):
    from mmdet.models.task_modules import RandomSampler

    return RandomSampler(**dict(dict(num=8, pos_fraction=0.5, add_gt_as_proposals=False), **settings))


@pytest.mark.parametrize('objects, background, settings, expected', [
    (2, 20, {}, (2, 6)), (10, 20, {}, (4, 4)), (0, 20, {}, (0, 8)), (10, 2, {}, (4, 2)), (3, 1, {}, (3, 1)),
    (1, 20, dict(neg_pos_ub=3), (1, 3)), (0, 20, dict(neg_pos_ub=3), (0, 3))])
def test_as_many_are_sampled_as_mmdet_samples(mmdet, objects, background, settings, expected):
    from mmdet.models.task_modules import AssignResult
    from mmengine.structures import InstanceData

    numbers = torch.tensor([[1] * objects + [0] * background + [-1] * 5])
    boxes = torch.rand(numbers.shape[1], 4)
    theirs = sampler(**settings).sample(
        AssignResult(1, numbers[0], boxes[:, 0], labels=torch.zeros_like(numbers[0])), InstanceData(priors=boxes),
        InstanceData(bboxes=boxes[:1], labels=torch.zeros(1, dtype=torch.long)))
    index, positive, valid = sample(sampler(**settings), numbers > 0, numbers == 0)
    assert (int(positive.sum()), int(valid.sum() - positive.sum())) == expected
    assert (len(theirs.pos_inds), len(theirs.neg_inds)) == expected
    assert (numbers[0, index[positive]] > 0).all() and (numbers[0, index[valid & ~positive]] == 0).all()
    assert len(set(index[valid].tolist())) == sum(expected)


def test_every_box_is_sampled_equally_often(mmdet):
    """10 of 40 objects and 10 of 100 others, 4,000 times: alone and with the first, within 5 standard deviations."""
    torch.manual_seed(0)
    draws, kinds = 4000, torch.tensor([1] * 40 + [0] * 100).expand(4000, -1)
    index, positive, valid = sample(sampler(num=20), kinds == 1, kinds == 0)
    assert valid.all() and (positive.sum(dim=1) == 10).all()
    often = torch.zeros(draws, 140).scatter_(1, index, 1.)
    for part, share in ((often[:, :40], 10 / 40), (often[:, 40:], 10 / 100)):
        spread = (share * (1 - share) / draws) ** 0.5
        assert (part.mean(dim=0) - share).abs().max() < 5 * spread
        both = (part[:, :1] * part[:, 1:]).mean(dim=0)
        expected = share * (10 - 1) / (part.shape[1] - 1)
        assert (both - expected).abs().max() < 5 * (expected / draws) ** 0.5


def test_assignment_is_mmdets_for_random_boxes(mmdet):
    from mmdet.models.task_modules import MaxIoUAssigner
    from mmengine.structures import InstanceData

    torch.manual_seed(0)
    for low_quality, negative in ((True, 0.3), (False, 0.5), (True, (0.1, 0.3))):
        rule = MaxIoUAssigner(0.5, negative, min_pos_iou=0.2, match_low_quality=low_quality, ignore_iof_thr=0.6)
        boxes, ignored = random_boxes(4, 200), random_boxes(4, 2)
        instances = [InstanceData(bboxes=random_boxes(count), labels=torch.zeros(count, dtype=torch.long))
                     for count in (3, 0, 1, 8)]
        there = torch.ones(4, 200, dtype=torch.bool)
        found = assign(rule, Boxes(boxes, there), pad(instances, torch.device('cpu')),
                       Boxes(ignored, torch.ones(4, 2, dtype=torch.bool)))
        for number, truth in enumerate(instances):
            theirs = rule.assign(InstanceData(priors=boxes[number]), truth,
                                 InstanceData(bboxes=ignored[number])).gt_inds
            own = torch.where(found.positive[number], found.truth[number] + 1,
                              torch.where(found.negative[number], 0, -1))
            assert torch.equal(own, theirs)
