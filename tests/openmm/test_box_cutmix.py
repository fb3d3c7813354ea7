"""CutMix by boxes: where boxes come to lie, and the shares of labels, by hand."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.openmm.compat import scope

scope.enter('mmpretrain')

from pipelines.openmm.classify.box_cutmix import BoxCutMix, BoxPreprocessor, KeepBox, shares  # noqa: E402

WHOLE, LEFT, NONE = (0, 0, 8, 8), (0, 0, 4, 8), (0, 0, 0, 0)


@pytest.mark.parametrize(('box', 'other', 'region', 'share'), [
    (WHOLE, WHOLE, (0, 0, 4, 8), 0.5),  # as CutMix: half of each
    (WHOLE, WHOLE, (0, 0, 4, 4), 0.75),
    (LEFT, WHOLE, (4, 0, 8, 8), 1 / 1.5),  # the first animal is whole, of the other a half is seen
    (LEFT, LEFT, (4, 0, 8, 8), 1),  # nothing is seen of the other
    (LEFT, WHOLE, (0, 0, 4, 8), 0),  # nothing of the first
    (LEFT, (6, 0, 8, 8), (0, 0, 4, 8), 0.3),  # of neither: as the area says
    (NONE, LEFT, (0, 0, 4, 4), 0), (LEFT, NONE, (0, 0, 4, 4), 1), (NONE, NONE, (0, 0, 1, 1), 0.3)])
def test_a_label_has_the_share_that_is_seen_of_its_animal(box, other, region, share):
    found = shares(torch.tensor([box] * 2).float(), torch.tensor([other] * 2).float(), region, 0.3)
    assert found.tolist() == pytest.approx([share] * 2)


@pytest.fixture(autouse=True)
def in_mmpretrain():
    scope.enter('mmpretrain')  # a test of another library may have run before


def test_images_and_labels_are_mixed_by_the_boxes_of_the_batch(monkeypatch):
    augment = BoxCutMix(alpha=1.0)
    monkeypatch.setattr(augment, 'cutmix_bbox_and_lam', lambda shape, lam: ((0, 8, 4, 8), 0.5))
    monkeypatch.setattr(torch, 'randperm', lambda count: torch.tensor([1, 0]))
    augment.boxes = torch.tensor([LEFT, WHOLE]).float()
    pictures = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    mixed, scores = augment.mix(pictures, torch.eye(2))
    assert mixed[0, :, :, :4].max() == 0 and mixed[0, :, :, 4:].min() == 1
    # of the first, its whole animal and half of the other; of the second, half of its own and nothing of the other
    assert torch.allclose(scores, torch.tensor([[2 / 3, 1 / 3], [0, 1]]))


def sample(box, *, crop=(100, 50, 180, 130), side: int = 40) -> dict:
    """A crop of 80 x 80 pixels of a photograph, shrunk to 40 x 40, with its box red."""
    picture = np.zeros((side, side, 3), np.uint8)
    if box:
        x1, y1, x2, y2 = ((value - crop[number % 2]) // 2 for number, value in enumerate(box))
        picture[y1:y2, x1:x2] = (0, 0, 255)
    return dict(img=picture, img_shape=(side, side), box=list(box) if box else None, crop=list(crop), gt_label=0)


def test_a_box_follows_its_image():
    plain = KeepBox([])(sample((120, 60, 160, 100)))
    assert plain['animal'].tolist() == [10, 5, 30, 25] and plain['animal'].dtype == torch.float32
    assert KeepBox([])(sample(None))['animal'].tolist() == [0, 0, 40, 40]
    flipped = KeepBox([dict(type='RandomFlip', prob=1.0, direction='horizontal')])(sample((120, 60, 160, 100)))
    assert flipped['animal'].tolist() == [10, 5, 30, 25][::1] and flipped['img'][6, 12].tolist() == [0, 0, 255]
    gone = KeepBox([dict(type='CenterCrop', crop_size=10)])(sample((102, 52, 110, 60)))
    assert gone['animal'].tolist() == [0, 0, 0, 0]


def test_the_same_random_numbers_are_drawn_and_no_more():
    steps = [dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.4, 1.0), interpolation='bicubic'),
             dict(type='RandomFlip', prob=0.5, direction='horizontal'),
             dict(type='Pad', size=(36, 36), pad_val=dict(img=(114, 114, 114)))]
    from mmcv.transforms import Compose
    from mmpretrain.registry import TRANSFORMS
    alone, kept, found = Compose([TRANSFORMS.build(step) for step in steps]), KeepBox(steps), []
    for seed in range(20):
        np.random.seed(seed)
        expected, after = alone(sample((116, 56, 164, 104)))['img'], np.random.rand()
        np.random.seed(seed)
        result = kept(sample((116, 56, 164, 104)))
        assert (result['img'] == expected).all() and np.random.rand() == after
        red = result['img'][..., 2].astype(int) - result['img'][..., 0] > 127
        columns, rows = np.flatnonzero(red.any(axis=0)), np.flatnonzero(red.any(axis=1))
        assert np.abs(result['animal'].numpy() - [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).max() <= 1
        found.append(tuple(result['animal'].tolist()))
    assert len(set(found)) > 15


def test_a_preprocessor_gives_the_boxes_of_its_batch():
    from mmpretrain.structures import DataSample
    made = BoxPreprocessor(num_classes=2, batch_augments=dict(augments=dict(type='BoxCutMix', alpha=1.0)))
    given = [DataSample().set_gt_label(label) for label in (0, 1)]
    for one, box in zip(given, (LEFT, WHOLE)):
        one.set_field(torch.tensor(box).float(), 'animal')
    found = made(dict(inputs=[torch.zeros(3, 8, 8, dtype=torch.uint8)] * 2, data_samples=given), training=True)
    assert made.batch_augments.augments[0].boxes.tolist() == [list(LEFT), list(WHOLE)]
    assert all(float(one.gt_score.sum()) == pytest.approx(1) for one in found['data_samples'])
