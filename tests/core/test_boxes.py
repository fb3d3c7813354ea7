from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pipelines.core import boxes

SIZES = st.tuples(st.integers(1, 400), st.integers(1, 400))


@st.composite
def boxes_inside(draw) -> tuple[np.ndarray, tuple[int, int]]:
    """An (1, 4) box with area inside an image, and the image's size."""
    width, height = draw(SIZES)
    x1, y1 = draw(st.floats(0, width - 0.5)), draw(st.floats(0, height - 0.5))
    x2, y2 = draw(st.floats(x1 + 0.25, width)), draw(st.floats(y1 + 0.25, height))
    return np.array([[x1, y1, x2, y2]]), (width, height)


def test_frames_convert_both_ways():
    assert boxes.xywh_to_xyxy([[10, 20, 30, 5]]).tolist() == [[10, 20, 40, 25]]
    assert boxes.xyxy_to_xywh([10, 20, 40, 25]).tolist() == [[10, 20, 30, 5]]


def test_clip_cuts_at_the_border_and_empties_a_box_outside():
    clipped = boxes.clip([[-5, 10, 60, 50], [120, 10, 130, 20]], (100, 40))
    assert clipped.tolist() == [[0, 10, 60, 40], [100, 10, 100, 20]]
    assert boxes.area(clipped).tolist() == [1800, 0]


def test_iou_of_every_pair():
    # 10 x 10 boxes 5 apart: overlap 50, union 150
    found = boxes.iou([[0, 0, 10, 10]], [[5, 0, 15, 10], [0, 0, 10, 10], [10, 0, 20, 10]])
    assert found[0] == pytest.approx([1 / 3, 1, 0])
    assert boxes.iou([[3, 3, 3, 3]], [[3, 3, 3, 3]]).tolist() == [[0]]


def test_grow_adds_a_share_of_the_side_and_clips():
    assert boxes.grow([[10, 20, 30, 60]], 0.5, (100, 70)).tolist() == [[0, 0, 40, 70]]
    with pytest.raises(ValueError, match='no area'):
        boxes.grow([[10, 20, 10, 60]], 0.5, (100, 70))


@pytest.mark.parametrize(('box', 'image', 'expected'), [
    ([40, 45, 60, 55], (100, 100), [40, 40, 60, 60]),    # in the middle: about the centre
    ([0, 10, 10, 50], (100, 100), [0, 10, 40, 50]),      # at the left border: shifted in
    ([90, 90, 100, 120], (100, 120), [70, 90, 100, 120]),  # in the corner
    ([0, 5, 80, 25], (80, 40), [0, -20, 80, 60]),        # wider than the image is high: reaches out evenly
])
def test_square_to_the_pixel(box, image, expected):
    assert boxes.square([box], image).tolist() == [expected]


@given(boxes_inside())
def test_a_square_holds_its_box_and_leaves_the_image_only_where_that_is_smaller(case):
    box, (width, height) = case
    x1, y1, x2, y2 = boxes.square(box, (width, height))[0]
    side = max(box[0, 2] - box[0, 0], box[0, 3] - box[0, 1])
    assert x2 - x1 == pytest.approx(side) and y2 - y1 == pytest.approx(side)
    assert x1 <= box[0, 0] + 1e-9 and y1 <= box[0, 1] + 1e-9 and x2 >= box[0, 2] - 1e-9 and y2 >= box[0, 3] - 1e-9
    assert (x1 >= 0 and x2 <= width + 1e-9) or side > width
    assert (y1 >= 0 and y2 <= height + 1e-9) or side > height


def test_at_least_grows_only_small_boxes():
    grown = boxes.at_least([[50, 50, 54, 52], [0, 0, 2, 4], [10, 10, 30, 12]], 8, (100, 100))
    assert grown.tolist() == [[48, 49, 56, 53], [0, 0, 4, 8], [10, 10, 30, 12]]
    assert boxes.at_least([[1, 1, 2, 2]], 50, (20, 30)).tolist() == [[0, 0, 20, 30]]


@given(boxes_inside())
def test_whole_pixels_stay_inside(case):
    box, (width, height) = case
    x1, y1, x2, y2 = boxes.whole_pixels(box, (width, height))[0]
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    assert np.abs(np.array([x1, y1, x2, y2]) - box[0]).max() <= 1


def test_whole_pixels_keep_a_square_square():
    found = boxes.whole_pixels([[0.4, 10.6, 20.0, 30.2], [0.0, -20.5, 80.0, 59.5]], [[100, 100], [80, 39]])
    assert found.tolist() == [[0, 10, 20, 30], [0, -21, 80, 59]]


ANY = st.floats(-1e4, 1e4)
BOXES = st.tuples(ANY, ANY, ANY, ANY).map(lambda v: np.array([v]))


@given(BOXES)
def test_frames_convert_back(box):
    assert boxes.xyxy_to_xywh(boxes.xywh_to_xyxy(box)) == pytest.approx(box, abs=1e-8)


@given(BOXES, SIZES)
def test_clipping_is_cutting_and_is_done_once(box, size):
    clipped = boxes.clip(box, size)
    assert (clipped >= 0).all() and (clipped <= [*size, *size]).all()
    assert (boxes.clip(clipped, size) == clipped).all()
    assert boxes.area(clipped) <= boxes.area(box) + 1e-6
    whole = np.array([[0, 0, *size]], float)
    if boxes.area(box) > 1e-3:  # what is left is what box and image have in common
        common = boxes.area(box) + boxes.area(whole)
        overlap = boxes.iou(box, whole)[0, 0]
        assert boxes.area(clipped)[0] == pytest.approx((common * overlap / (1 + overlap)).item(), rel=1e-6, abs=1e-4)


@given(boxes_inside(), boxes_inside(), st.floats(-100, 100), st.floats(-100, 100))
def test_iou_is_symmetric_bounded_and_does_not_move_with_the_frame(one, other, dx, dy):
    a, b, shift = one[0], other[0], np.array([[dx, dy, dx, dy]])
    found = boxes.iou(a, b)[0, 0]
    assert 0 <= found <= 1 and boxes.iou(a, a)[0, 0] == pytest.approx(1)
    assert boxes.iou(b, a)[0, 0] == pytest.approx(found)
    assert boxes.iou(a + shift, b + shift)[0, 0] == pytest.approx(found, abs=1e-6)


@given(boxes_inside(), st.floats(0, 5))
def test_a_grown_box_holds_the_box_and_stays_inside(case, margin):
    box, size = case
    grown = boxes.grow(box, margin, size)[0]
    assert (grown[:2] <= box[0, :2] + 1e-9).all() and (grown[2:] >= box[0, 2:] - 1e-9).all()
    assert (grown >= 0).all() and (grown <= [*size, *size]).all()
    assert boxes.grow(box, 0, size)[0] == pytest.approx(box[0])


@given(boxes_inside(), st.floats(0.5, 500))
def test_a_box_grown_to_a_size_holds_the_box_and_stays_inside(case, longer):
    box, size = case
    grown = boxes.at_least(box, longer, size)[0]
    assert (grown[:2] <= box[0, :2] + 1e-6).all() and (grown[2:] >= box[0, 2:] - 1e-6).all()
    assert (grown >= -1e-6).all() and (grown <= np.array([*size, *size]) + 1e-6).all()
    side = int((box[0, 2:] - box[0, :2]).argmax())
    assert grown[side + 2] - grown[side] >= min(longer, size[side]) - 1e-6


@given(boxes_inside(), st.sampled_from(['square', 'grow']), st.floats(0, 1))
def test_whole_pixels_move_an_edge_by_less_than_one(case, kind, margin):
    box, size = case
    xyxy = boxes.square(box, size)[0] if kind == 'square' else boxes.grow(box, margin, size)[0]
    x1, y1, x2, y2 = whole = boxes.whole_pixels(xyxy, size)[0]
    assert np.abs(whole - xyxy).max() <= 1 + 1e-9 and x2 > x1 and y2 > y1
    assert kind == 'grow' or x2 - x1 == y2 - y1
    assert (x1 >= 0 and x2 <= size[0]) or x2 - x1 > size[0]
    assert (y1 >= 0 and y2 <= size[1]) or y2 - y1 > size[1]


@pytest.mark.parametrize('function', [lambda box: boxes.square(box, (9, 9)), lambda box: boxes.grow(box, 0.1, (9, 9)),
                                      lambda box: boxes.at_least(box, 5, (9, 9))])
@pytest.mark.parametrize('box', [[1, 1, 1, 5], [5, 1, 1, 5], [1, float('nan'), 5, 5]])
def test_a_box_without_area_is_refused(function, box):
    with pytest.raises(ValueError, match='box 1 has no area'):
        function([[0, 0, 5, 5], box])


@pytest.mark.parametrize('orientation', range(1, 9))
def test_boxes_turn_as_pixels_do(orientation):
    """The reference is Pillow: a picture that is white in the box, with that orientation, as Pillow shows it."""
    stored = np.zeros((20, 30), np.uint8)
    stored[3:9, 4:17] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(stored).save(stream, 'PNG', exif=exif)
    rows, columns = np.nonzero(np.asarray(ImageOps.exif_transpose(Image.open(stream))))
    shown = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert boxes.turn([[4, 3, 17, 9]], (30, 20), orientation).tolist() == [shown]
