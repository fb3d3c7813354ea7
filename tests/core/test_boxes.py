from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    x1, y1, x2, y2 = boxes.whole_pixels(box[0], (width, height))
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    assert np.abs(np.array([x1, y1, x2, y2]) - box[0]).max() <= 1


def test_whole_pixels_keep_a_square_square():
    assert boxes.whole_pixels(np.array([0.4, 10.6, 20.0, 30.2]), (100, 100)) == (0, 10, 20, 30)
    assert boxes.whole_pixels(np.array([0.0, -20.5, 80.0, 59.5]), (80, 39)) == (0, -21, 80, 59)
