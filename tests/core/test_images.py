from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipelines.core import images
from pipelines.core.errors import InputError


@pytest.fixture
def halves() -> np.ndarray:
    """(20, 30, 3): red on the left, blue on the right."""
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :15, 0] = picture[:, 15:, 2] = 250
    return picture


def test_orientation_is_applied_to_size_and_pixels(tmp_path, halves):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise: the left half is shown on top
    Image.fromarray(halves).save(tmp_path / 'turned.jpg', exif=exif, quality=95)
    picture = images.decode(tmp_path / 'turned.jpg')
    assert images.size(tmp_path / 'turned.jpg') == (20, 30)
    assert picture.shape == (30, 20, 3)
    assert picture[3, 10, 0] > 200 and picture[27, 10, 2] > 200


def test_xmp_can_turn_a_jpeg_as_well(tmp_path, halves):
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    plain = images.encode_jpeg(halves, 95)
    turned = plain[:2] + b'\xff\xe1' + (len(xmp) + 2).to_bytes(2, 'big') + xmp + plain[2:]
    for name, data, size in (('plain', plain, (30, 20)), ('turned', turned, (20, 30))):
        (tmp_path / name).write_bytes(data)
        assert images.size(tmp_path / name) == images.decode(tmp_path / name).shape[1::-1] == size


def jpeg_file(path, picture, mode='RGB', **how) -> None:
    Image.fromarray(picture).convert(mode).save(path, 'JPEG', quality=90, **how)


@pytest.mark.parametrize('how', [{}, dict(exif=b'Exif\0\0')], ids=['plain', 'by Pillow'])
def test_chroma_subsampled_again_is_closer_to_the_photograph_when_it_was_repeated(tmp_path, how):
    drawn = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    drawn = np.asarray(Image.fromarray(drawn).resize((96, 64), Image.Resampling.BICUBIC)).astype(float)
    error = {}
    for smooth in (True, False):
        jpeg_file(tmp_path / 'a.jpg', drawn.astype(np.uint8), subsampling=2, **how)
        pixels, sampling, *_ = images.read(tmp_path / 'a.jpg', smooth=smooth)
        assert sampling == '420'
        (tmp_path / 'b.jpg').write_bytes(images.encode_jpeg(pixels, 95, sampling))
        error[smooth] = np.square(images.decode(tmp_path / 'b.jpg') - drawn).mean()
    assert error[False] < 0.9 * error[True]
    jpeg_file(tmp_path / 'a.jpg', drawn.astype(np.uint8), subsampling=0, **how)
    fine = [images.read(tmp_path / 'a.jpg', smooth=smooth)[0] for smooth in (True, False)]
    assert np.array_equal(*fine)


EXIF = Image.Exif()
EXIF[0x0112] = 6


@pytest.mark.parametrize(('mode', 'how', 'plain', 'sampling'), [
    ('RGB', {}, True, '420'), ('L', {}, True, '420'), ('RGB', dict(progressive=True), True, '420'),
    ('RGB', dict(subsampling=0), True, '444'), ('RGB', dict(subsampling=1), True, '444'),
    ('RGB', dict(comment=b'x' * 500), True, '420'), ('RGB', dict(icc_profile=bytes(900)), True, '420'),
    ('RGB', dict(icc_profile=bytes(9000)), False, '420'), ('RGB', dict(exif=EXIF), False, '420'),
    ('RGB', dict(exif=EXIF, icc_profile=bytes(9000)), False, '420'),
    ('RGB', dict(keep_rgb=True), False, '444'), ('CMYK', {}, False, '444')])
def test_jpegs_read_without_pillow_are_read_the_same(tmp_path, halves, monkeypatch, mode, how, plain, sampling):
    path, asked = tmp_path / 'a.jpg', []
    jpeg_file(path, np.kron(halves, np.ones((3, 3, 1), np.uint8)), mode, **how)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    real = images._open
    monkeypatch.setattr(images, '_open', lambda source: asked.append(source) or real(source))
    assert images.size(path) == expected.shape[1::-1] and bool(asked) != plain
    del asked[:]
    found = images.read(path)
    assert (found[0] == expected).all() and found[1] == sampling and bool(asked) != plain


def test_inks_that_libjpeg_alone_would_convert_are_left_to_pillow(tmp_path, halves):
    """YCCK, as Photoshop writes it: Adobe's transform is 2."""
    jpeg_file(tmp_path / 'a.jpg', halves, 'CMYK')
    data = (tmp_path / 'a.jpg').read_bytes()
    place = data.index(b'Adobe') + 11
    assert data[place] == 0
    (tmp_path / 'a.jpg').write_bytes(data[:place] + b'\2' + data[place + 1:])
    with Image.open(tmp_path / 'a.jpg') as image:
        assert image.mode == 'CMYK' and (images.decode(tmp_path / 'a.jpg') == np.asarray(image.convert('RGB'))).all()


@pytest.mark.parametrize('change', [
    lambda data, frame: data[:frame + 4] + b'\x0c' + data[frame + 5:],                      # 12 bits
    lambda data, frame: data[:2] + b'\xff\x01' + data[2:],                                  # a marker without content
    lambda data, frame: data[:frame + 5] + b'\0\0' + data[frame + 7:]], ids=['12 bits', 'TEM', 'no height'])
def test_an_odd_header_is_refused_by_size_and_by_decode(tmp_path, halves, change):
    jpeg_file(tmp_path / 'a.jpg', halves)
    data = (tmp_path / 'a.jpg').read_bytes()
    (tmp_path / 'a.jpg').write_bytes(change(data, data.index(b'\xff\xc0')))
    for read in (images.size, images.decode):
        with pytest.raises(InputError, match='a.jpg'):
            read(tmp_path / 'a.jpg')


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', 'CMYK'])
def test_every_mode_becomes_rgb(tmp_path, halves, mode):
    path = tmp_path / ('picture.jpg' if mode in ('L', 'CMYK') else 'picture.png')
    Image.fromarray(halves).convert(mode).save(path)
    assert images.decode(path).shape == (20, 30, 3) and images.decode(path).dtype == np.uint8


def test_a_truncated_jpeg_is_an_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = images.encode_jpeg(noise, 90)
    (tmp_path / 'cut.jpg').write_bytes(data[:len(data) // 2])
    with pytest.raises(InputError, match='cut.jpg: expected an undamaged image'):
        images.decode(tmp_path / 'cut.jpg')


def test_what_is_no_image_is_an_error(tmp_path):
    (tmp_path / 'text.jpg').write_text('hello')
    for read in (images.size, images.decode):
        with pytest.raises(InputError, match='text.jpg'):
            read(tmp_path / 'text.jpg')
        with pytest.raises(InputError, match='absent.jpg'):
            read(tmp_path / 'absent.jpg')


def test_a_decompression_bomb_is_an_error(tmp_path, halves, monkeypatch):
    Image.fromarray(halves).save(tmp_path / 'bomb.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    for read in (images.size, images.decode):
        with pytest.raises(InputError, match='bomb.png: .*decompression bomb'):
            read(tmp_path / 'bomb.png')


def test_crop_is_exact_and_padded_with_grey(halves):
    assert (images.crop(halves, (10, 5, 20, 15)) == halves[5:15, 10:20]).all()
    padded = images.crop(halves, (0, -5, 30, 25))
    assert padded.shape == (30, 30, 3)
    assert (padded[:5] == 114).all() and (padded[25:] == 114).all() and (padded[5:25] == halves).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (33, 64), (256, 256)])
def test_png_is_lossless(size):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    smooth = np.add.outer(np.arange(size[0]), np.arange(size[1]))[..., None].repeat(3, axis=2).astype(np.uint8)
    for picture in (noise, smooth, noise[:, ::-1], np.zeros_like(noise)):
        with Image.open(io.BytesIO(images.encode_png(picture))) as read:
            assert (read.format, read.mode) == ('PNG', 'RGB')
            assert (np.asarray(read) == picture).all()


def test_fit_sets_the_longer_side(halves):
    assert images.fit(halves, 60).shape == (40, 60, 3)
    assert images.fit(halves[:, :10], 8).shape == (8, 4, 3)


def test_fit_averages_blocks_and_interpolates_between():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    mean = noise.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(images.fit(noise, 16) - mean).max() <= 0.5
    ramp = np.broadcast_to((4 * np.arange(60, dtype=np.uint8))[None, :, None], (60, 60, 3))
    places = (np.arange(40) + 0.5) * 1.5 - 0.5  # of the result's pixels, in the ramp
    assert np.abs(images.fit(np.ascontiguousarray(ramp), 40)[20, :, 0] - 4 * places).max() <= 0.5
