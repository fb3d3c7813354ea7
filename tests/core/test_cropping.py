from __future__ import annotations

import numpy as np
import pytest
import simplejpeg

from pipelines.core import cropping, images
from pipelines.core.errors import InputError
from pipelines.core.kinds import FULL, Kind, parse_kinds

SIZE = (100, 60)


@pytest.mark.parametrize(('text', 'kind'), [
    ('full', FULL), ('box', Kind('box', 10, False)), ('square', Kind('square', 10, False)),
    ('square-m30', Kind('square', 30)), ('square-m0', Kind('square', 0)), ('square-gt', Kind('square', 10, True)),
    ('square-m30-gt', Kind('square', 30, True)), ('box-m5-gt', Kind('box', 5, True))])
def test_a_kind_has_one_spelling(text, kind):
    assert Kind.parse(text) == kind and str(kind) == text


@pytest.mark.parametrize(('text', 'message'), [
    ('sqare', "--kinds: expected a kind of crop: full, box, square, .*, found 'sqare'"),
    ('square-30', "found 'square-30'"), ('square-gt-m30', 'expected a kind of crop'), ('', "found ''"),
    ('square-m', 'expected a kind of crop'), ('square-m-5', 'expected a kind of crop'), ('Box', 'expected a kind'),
    ('full-m30', 'expected full alone, as the whole image has neither margin nor box, found full-m30'),
    ('full-gt', 'expected full alone'), ('box-m501', 'expected a margin from 0 to 500 %, found box-m501'),
    ('square-m10', 'expected square, the one name of these crops'), ('box-m05', 'expected box-m5, the one name')])
def test_another_spelling_is_refused_in_words(text, message):
    with pytest.raises(InputError, match=message):
        Kind.parse(text)


def test_kinds_are_each_there_once_and_full_first():
    assert [*map(str, parse_kinds(['square-gt', 'square-m30', 'box', 'square', 'square-m0', 'square']))] == [
        'full', 'box', 'square-m0', 'square', 'square-m30', 'square-gt']


@pytest.mark.parametrize(('box', 'margin', 'min_size', 'box_crop', 'square'), [
    ((10, 20, 40, 30), 0, 1, (10, 20, 40, 30), (10, 10, 40, 40)),
    ((10, 20, 40, 30), 10, 1, (7, 19, 43, 31), (7, 7, 43, 43)),
    ((0, 25, 30, 35), 0, 1, (0, 25, 30, 35), (0, 15, 30, 45)),     # at the border: shifted to stay inside
    ((90, 50, 100, 60), 50, 1, (85, 45, 100, 60), (85, 45, 100, 60)),
    ((50, 30, 54, 32), 0, 16, (44, 27, 60, 35), (44, 23, 60, 39)),   # grown to 16 pixels first
    ((10, 10, 90, 50), 0, 1, (10, 10, 90, 50), (10, -10, 90, 70)),   # higher than the image: padded
    (None, 10, 16, (0, 0, 100, 60), (0, -20, 100, 80)),               # the whole image: no margin
])
def test_crops_to_the_pixel(box, margin, min_size, box_crop, square):
    xyxy, sizes = np.array([[np.nan] * 4, box or [np.nan] * 4]), np.array([(30, 30), SIZE])
    found = {shape: cropping.plan(Kind(shape, margin), xyxy, sizes, min_size) for shape in ('full', 'box', 'square')}
    assert {shape: areas[1].tolist() for shape, areas in found.items()} == dict(
        full=[0, 0, *SIZE], box=list(box_crop), square=list(square))
    assert all(areas[0].tolist() == [0, 0, 30, 30] for areas in found.values())


def picture(scale: int = 1) -> images.Picture:
    """90 x 60 (or shrunk to half): a ramp along x in red and along y in green."""
    x, y = np.meshgrid(np.arange(0, 90, scale), np.arange(0, 60, scale))
    pixels = np.stack([x * 2, y * 4, np.zeros_like(x)], axis=-1).astype(np.uint8)
    return images.Picture(pixels, '420', (90, 60), scale)


def test_a_crop_is_these_pixels_and_never_enlarged():
    found = cropping.cut(picture(), [10, 5, 40, 25], 64)
    assert np.array_equal(found, picture().pixels[5:25, 10:40])
    assert cropping.cut(picture(), [10, 5, 40, 25], 15).shape == (10, 15, 3)


def test_a_box_of_a_picture_decoded_smaller_is_in_the_frame_of_the_image():
    assert np.array_equal(cropping.cut(picture(2), [10, 6, 40, 26], 64), picture(2).pixels[3:13, 5:20])
    square = cropping.cut(picture(2), [0, -15, 90, 75], 64)  # reaches out of the image: padded
    assert square.shape == (45, 45, 3) and (square[:7] == 114).all()
    assert (square[8:37, :, 0] == np.arange(0, 180, 4)).all()


@pytest.mark.parametrize(('size', 'sampling'), [(16, '420'), (15, '444')])
def test_chroma_is_finer_where_a_crop_is_shrunk_to_half(size, sampling):
    data = cropping.encode(picture(), [10, 5, 40, 25], size, 95)
    height, width, _, found = simplejpeg.decode_jpeg_header(data)
    assert (width, found) == (size, sampling)
