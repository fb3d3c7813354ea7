"""Photographs of more pixels than are decoded: at 1/2, 1/4, 1/8, in the frame they have.

The limit is lowered for that.
"""
from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipelines.core import cropping, images, jpeg
from pipelines.core.errors import DamagedError

WIDTH, HEIGHT = 322, 243  # no multiples of 8


@pytest.fixture
def scene() -> np.ndarray:
    """(243, 322, 3): waves and a little noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = np.stack([np.sin(x / 19) * np.cos(y / 17), np.sin((x + y) / 33), np.cos(x / 25)], axis=-1)
    return (120 + 80 * waves + np.random.default_rng(7).normal(0, 6, waves.shape)).clip(0, 255).astype(np.uint8)


def save(path, picture, mode='RGB', **how) -> None:
    Image.fromarray(picture).convert(mode).save(path, 'JPEG', quality=95, **how)


def limited(monkeypatch, pixels: int) -> None:
    monkeypatch.setattr(images, 'MAX_PIXELS', pixels)


def means(picture: np.ndarray, scale: int) -> np.ndarray:
    """Over scale x scale pixels; of those that have all of them."""
    height, width = picture.shape[0] // scale, picture.shape[1] // scale
    whole = picture[:height * scale, :width * scale].astype(float)
    return whole.reshape(height, scale, width, scale, 3).mean(axis=(1, 3))


EXIF = Image.Exif()
EXIF[0x0112] = 6


@pytest.mark.parametrize('scale', [1, 2, 4, 8])
@pytest.mark.parametrize(('mode', 'how'), [
    ('RGB', {}), ('RGB', dict(subsampling=0)), ('L', {}), ('RGB', dict(exif=EXIF)), ('CMYK', dict(exif=EXIF)),
    ('RGB', dict(icc_profile=bytes(9000)))], ids=['420', '444', 'grey', 'turned', 'CMYK turned', 'long header'])
def test_the_pixels_are_means_over_the_photograph_of_its_size(tmp_path, monkeypatch, scene, mode, how, scale):
    path = tmp_path / 'a.jpg'
    save(path, scene, mode, **how)
    with Image.open(path) as image:
        whole = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    limited(monkeypatch, -(-WIDTH // scale) * -(-HEIGHT // scale))
    picture = images.read(path)
    assert picture.scale == scale and picture.size == images.size(path) == whole.shape[1::-1]
    assert picture.pixels.shape[:2] == tuple(-(-side // scale) for side in whole.shape[:2])
    left, top = picture.missing  # turned by 90 degrees clockwise, what was the last row is on the left
    assert (left, top) == (-HEIGHT % scale if how.get('exif') else 0, 0)
    expected = means(whole[:, -left % scale:], scale)
    found = picture.pixels[:, bool(left):]
    error = np.abs(found[:expected.shape[0], :expected.shape[1]] - expected)
    assert error.mean() < 1.5 and np.quantile(error, 0.999) < 12


def test_grey_at_an_eighth_is_the_mean_of_every_block_to_a_level(tmp_path, monkeypatch, scene):
    save(tmp_path / 'a.jpg', scene[:240, :320], 'L')
    whole = images.decode(tmp_path / 'a.jpg')
    limited(monkeypatch, 40 * 30)
    assert np.abs(images.decode(tmp_path / 'a.jpg') - means(whole, 8)).max() <= 1


@pytest.mark.parametrize('scale', [2, 4, 8])
def test_a_crop_is_that_of_the_photograph_shrunk(tmp_path, monkeypatch, scene, scale):
    """A box at multiples of the scale: its pixels are means over those of the crop of the whole photograph."""
    save(tmp_path / 'a.jpg', scene)
    area = [80, 40, 304, 200]
    whole = cropping.cut(images.read(tmp_path / 'a.jpg'), area, 1000)
    limited(monkeypatch, -(-WIDTH // scale) * -(-HEIGHT // scale))
    found = cropping.cut(images.read(tmp_path / 'a.jpg'), area, 1000)
    assert found.shape == (160 // scale, 224 // scale, 3)
    error = np.abs(found - means(whole, scale))
    assert error.mean() < 1.5 and np.quantile(error, 0.999) < 12


def test_a_box_between_pixels_moves_by_less_than_one_and_a_square_stays_one():
    picture = images.Picture(np.zeros((31, 41, 3), np.uint8), '444', (322, 243), 8)
    for area in ([3, 5, 100, 102], [0, 0, 322, 243], [-40, -80, 362, 322], [317, 240, 322, 243]):
        x1, y1, x2, y2 = found = picture.whole(area)
        assert np.abs(np.array(found) - np.array(area) / 8).max() < 1
        assert (x2 - x1 == y2 - y1) == (area[2] - area[0] == area[3] - area[1]) or x2 - x1 == 1
        assert x2 > x1 and y2 > y1


@pytest.mark.parametrize('turned', range(1, 9))
def test_a_box_marks_the_same_pixels_however_a_picture_is_turned(tmp_path, monkeypatch, turned):
    tags = Image.Exif()
    tags[0x0112] = turned
    drawn = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    drawn[40:120, 160:240] = 255
    save(tmp_path / 'a.jpg', drawn, exif=tags, subsampling=0)
    whole = images.read(tmp_path / 'a.jpg').pixels[..., 0] > 127
    (x1, x2), (y1, y2) = (np.flatnonzero(whole.any(axis=axis))[[0, -1]] + (0, 1) for axis in (0, 1))
    assert sorted((x2 - x1, y2 - y1)) == [80, 80]
    limited(monkeypatch, 41 * 31)
    picture = images.read(tmp_path / 'a.jpg')
    assert picture.scale == 8
    assert picture.shrunk([x1, y1, x2, y2])[0] % 1 == pytest.approx(0)
    found = images.crop(picture.pixels, picture.whole([x1, y1, x2, y2]))
    assert found.shape == (10, 10, 3) and found.min() > 250
    assert (picture.pixels > 127).sum() == 300


def test_what_has_to_be_held_whole_is_decoded_smaller_or_refused_in_words(tmp_path, monkeypatch, scene):
    """Of a progressive JPEG all coefficients are held: 6 bytes a pixel at 4:4:4, beside 6 of each that is decoded."""
    save(tmp_path / 'a.jpg', scene, progressive=True, subsampling=0)
    header = (tmp_path / 'a.jpg').read_bytes()
    assert jpeg.frame(header) == (3 * 41 * 31, True) and jpeg.frame(header).held_bytes == 128 * 3 * 41 * 31
    limited(monkeypatch, 161 * 122)  # it would fit at 1/2, but for what is held
    with pytest.raises(DamagedError, match=r'322 x 243 pixels in several scans \(a progressive JPEG\), which t'):
        images.size(tmp_path / 'a.jpg')
    limited(monkeypatch, (jpeg.frame(header).held_bytes + 6 * 81 * 61) // 12 + 1)
    assert images.read(tmp_path / 'a.jpg').scale == 4
    save(tmp_path / 'a.jpg', scene, subsampling=0)
    limited(monkeypatch, 161 * 122)
    assert images.read(tmp_path / 'a.jpg').scale == 2


@pytest.mark.parametrize(('subsampling', 'blocks'), [(0, 3 * 41 * 31), (1, 41 * 31 + 2 * 21 * 31),
                                                     (2, 41 * 31 + 2 * 21 * 16)])
def test_blocks_are_counted_by_subsampling(scene, subsampling, blocks):
    stream = io.BytesIO()
    Image.fromarray(scene).save(stream, 'JPEG', subsampling=subsampling)
    assert jpeg.frame(stream.getvalue()) == (blocks, False)


def with_size(data: bytes, width: int, height: int) -> bytes:
    place = data.index(b'\xff\xc0') + 5
    return data[:place] + struct.pack('>HH', height, width) + data[place + 4:]


@pytest.mark.parametrize(('side', 'more', 'message'), [
    (9000, 0, '9000 x 9000 pixels in [0-9,]+ bytes, a decompression bomb'),
    (65_500, 1 << 25, r'65500 x 65500 pixels, a decompression bomb \(more than 33,554,432 at 1/8\)'),
    (20_000, 1 << 24, None)])
def test_a_header_that_promises_too_much_is_refused(tmp_path, scene, side, more, message):
    save(tmp_path / 'a.jpg', scene)
    (tmp_path / 'a.jpg').write_bytes(with_size((tmp_path / 'a.jpg').read_bytes(), side, side) + bytes(more))
    with pytest.raises(DamagedError, match=message or 'expected an undamaged image, found'):
        images.decode(tmp_path / 'a.jpg')
    if message:
        with pytest.raises(DamagedError, match=message):
            images.size(tmp_path / 'a.jpg')


def test_a_photograph_of_more_pixels_than_pillow_opens_is_read_with_its_exif(tmp_path, scene, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    save(tmp_path / 'a.jpg', scene, exif=EXIF)
    assert images.size(tmp_path / 'a.jpg') == (HEIGHT, WIDTH)
    assert images.decode(tmp_path / 'a.jpg').shape == (WIDTH, HEIGHT, 3)


def test_metadata_longer_than_a_camera_writes_is_read_over(tmp_path, scene, monkeypatch):
    save(tmp_path / 'a.jpg', scene)
    data = (tmp_path / 'a.jpg').read_bytes()
    (tmp_path / 'a.jpg').write_bytes(data[:2] + 20 * (b'\xff\xed\xff\xff' + bytes(65_533)) + data[2:])
    limited(monkeypatch, 161 * 122)
    assert images.size(tmp_path / 'a.jpg') == (WIDTH, HEIGHT) and images.read(tmp_path / 'a.jpg').scale == 2


def test_other_formats_are_not_decoded_smaller(tmp_path, scene, monkeypatch):
    limited(monkeypatch, 161 * 122)
    for form in ('PNG', 'WEBP', 'BMP'):
        Image.fromarray(scene).save(tmp_path / 'a', form)
        for read in (images.size, images.decode):
            with pytest.raises(DamagedError, match='322 x 243 pixels, a decompression bomb'):
                read(tmp_path / 'a')
