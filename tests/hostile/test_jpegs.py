"""Damaged and odd pictures: the right picture, or an error with a reason."""
from __future__ import annotations

import io
import re
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageOps

from data_converters.convert import convert
from data_converters.toy import toy
from pipelines.core import coco, images, json_files
from pipelines.core.errors import DamagedError, InputError
from pipelines.crop import crop, parse_boxes
from tests.hostile import FULL, edited, random_edits
from tests.hostile.test_names import birds

COUNT = 300 if FULL else 60
SHARED = Path(__file__).resolve().parents[2] / '../shared/data'
_SCAN = re.compile(rb'\xff\xda')


@lru_cache
def picture(height: int = 96, width: int = 128) -> np.ndarray:
    """A smooth scene with noise: (96, 128, 3)."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 9) * np.cos(y / 7), np.sin((x + y) / 13), np.cos(x / 5)], axis=-1)
    return (120 + 80 * waves + rng.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8)


def saved(form: str = 'JPEG', array: np.ndarray | None = None, mode: str | None = None, **options) -> bytes:
    image = Image.fromarray(picture() if array is None else array)
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, form, **options)
    return stream.getvalue()


def exif(orientation: object) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


JPEGS = dict(baseline=saved(quality=90), progressive=saved(quality=85, progressive=True), grey=saved(mode='L'),
             cmyk=saved(mode='CMYK'), turned=saved(quality=90, exif=exif(6)),
             restarts=saved(quality=90, restart_marker_blocks=8), small=saved(array=picture()[:8, :8]))


def decoded(path: Path, data: bytes) -> np.ndarray | None:
    """The picture, or None where it was refused with a reason."""
    path.write_bytes(data)
    try:
        return images.decode(path)
    except DamagedError as error:
        assert str(path) in str(error) and error.parts['found']
        return None


def reference(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGB'))


def entropy_coded(data: bytes) -> tuple[int, int]:
    """Where the first scan's code is."""
    start = _SCAN.search(data).end()
    return start + int.from_bytes(data[start:start + 2], 'big'), data.rindex(b'\xff\xd9')


@pytest.mark.parametrize('name', JPEGS)
def test_good_ones_are_decoded(tmp_path, name):
    found = decoded(tmp_path / 'x.jpg', JPEGS[name])
    assert np.abs(found.astype(int) - reference(JPEGS[name])).max() <= 2


@pytest.mark.parametrize('name', [name for name in JPEGS if name != 'small'])
def test_a_cut_jpeg_is_refused_wherever_it_is_cut(tmp_path, name):
    data = JPEGS[name]
    for number in range(1, 1 + COUNT // 6):
        assert decoded(tmp_path / 'x.jpg', data[:number * len(data) // (1 + COUNT // 6)]) is None
    assert decoded(tmp_path / 'x.jpg', data[:-2]) is None  # only its end mark


@pytest.mark.parametrize('name', [name for name in JPEGS if name not in ('grey', 'small')])
@pytest.mark.parametrize(('damage', 'length', 'share'), [
    ('zeros', 16, 0.6), ('zeros', 64, 0.6), ('zeros', 512, 0.9),
    ('random', 16, 0.4), ('random', 64, 0.6), ('random', 512, 0.9)])
def test_how_often_damage_in_the_code_is_seen(tmp_path, damage, length, share, name):
    """A damaged code that is a valid one of as many blocks cannot be told from a picture: Huffman codes fall into step
    again. The longer the damage, the rarer that is; docs/reliability.md has the counts. Zeros are no valid code with
    the standard's tables, which progressive files do not have."""
    share = 1 if damage == 'zeros' and name != 'progressive' else share
    data, refused = JPEGS[name], 0
    start, end = entropy_coded(data)
    for seed in range(COUNT):
        random = Random(seed)
        place = random.randrange(start, end - length)
        run = bytes(length) if damage == 'zeros' else random.randbytes(length)
        refused += decoded(tmp_path / 'x.jpg', data[:place] + run + data[place + length:]) is None
    print(f'{name}, {damage}, {length} bytes: {refused} of {COUNT} refused')
    assert refused >= share * COUNT


ODD = {  # file content, extension, the picture that a viewer shows (None: refused)
    'PNG named .jpg': (saved('PNG'), picture()), 'WebP named .jpg': (saved('WEBP', lossless=True), picture()),
    'BMP named .jpg': (saved('BMP'), picture()),
    'PNG of 16 bits, grey': (saved('PNG', np.arange(0, 65536, 64, np.uint16).reshape(32, 32)),
                             np.repeat((np.arange(0, 65536, 64) >> 8).reshape(32, 32, 1), 3, axis=2)),
    'PNG with a palette': (saved('PNG', mode='P'), 'as Pillow'),
    'PNG with transparency': (saved('PNG', mode='RGBA'), picture()),
    'one bit': (saved('PNG', np.eye(9, dtype=bool)), np.repeat(255 * np.eye(9, dtype=int)[..., None], 3, axis=2)),
    'data after the end': (JPEGS['baseline'] + b'x' * 1000, reference(JPEGS['baseline'])),
    'a GIF of one picture': (saved('GIF', np.full((9, 9, 3), 255, np.uint8)), np.full((9, 9, 3), 255)),
    'animated GIF': (saved('GIF', save_all=True, append_images=[Image.new('RGB', (128, 96))]), None),
    'animated PNG': (saved('PNG', save_all=True, append_images=[Image.new('RGB', (128, 96))]), None),
    'animated WebP': (saved('WEBP', save_all=True, append_images=[Image.new('RGB', (128, 96))]), None),
    'TIFF': (saved('TIFF'), None), 'TIFF of floats': (saved('TIFF', np.zeros((9, 9), np.float32)), None),
    'EPS, which starts ghostscript': (saved('EPS'), None), 'PPM': (saved('PPM'), None), 'ICO': (saved('ICO'), None),
    'JPEG 2000': (saved('JPEG2000'), None), 'PDF': (saved('PDF'), None),
    '0 bytes': (b'', None), '1 byte': (b'\xff', None), 'two bytes': (b'\xff\xd8', None),
    'only marks': (b'\xff\xd8\xff\xd9', None), 'zeros': (bytes(5000), None), 'ones': (b'\xff' * 5000, None),
    'text': (b'hello', None), 'HTML': (b'<html>404</html>', None), 'another start': (b'x' + JPEGS['baseline'], None),
    'an EXIF of rubbish': (saved(exif=b'Exif\0\0' + b'\xff' * 50), 'as Pillow'),
    '12 bits': (JPEGS['baseline'].replace(b'\xff\xc0\0\x11\x08', b'\xff\xc0\0\x11\x0c'), None),
    'no Huffman table, so the standard one': (JPEGS['baseline'].replace(b'\xff\xc4', b'\xff\xe9'),
                                              reference(JPEGS['baseline'])),
    'no quantisation table': (JPEGS['baseline'].replace(b'\xff\xdb', b'\xff\xe9'), None),
    'no lines': (JPEGS['baseline'].replace(b'\x08\0\x60\0\x80', b'\x08\0\0\0\x80'), None),
    'a height that is not there': (JPEGS['baseline'].replace(b'\x08\0\x60\0\x80', b'\x08\x0f\x60\0\x80'), None),
    'a width that is not there': (JPEGS['baseline'].replace(b'\x08\0\x60\0\x80', b'\x08\0\x60\x01\0'), None),
    'less height than there is': (JPEGS['baseline'].replace(b'\x08\0\x60\0\x80', b'\x08\0\x30\0\x80'), None),
    'an arithmetic code that is none': (JPEGS['baseline'].replace(b'\xff\xc0', b'\xff\xc9'), None),
    'lossless JPEG': (JPEGS['baseline'].replace(b'\xff\xc0', b'\xff\xc3'), None),
}


@pytest.mark.parametrize('name', ODD)
def test_odd_files_are_the_right_picture_or_refused(tmp_path, name):
    data, expected = ODD[name]
    found = decoded(tmp_path / 'x.jpg', data)
    if expected is None:
        assert found is None
    else:
        expected = reference(data) if isinstance(expected, str) else expected
        assert found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize('form', ['PNG', 'BMP', 'WEBP', 'GIF'])
def test_other_formats_are_refused_when_cut(tmp_path, form):
    data = saved(form, picture()[:40, :40])
    for number in range(1, COUNT // 6):
        assert decoded(tmp_path / 'x.jpg', data[:number * len(data) // (COUNT // 6)]) is None


def test_a_png_is_refused_for_one_wrong_bit(tmp_path):
    data = saved('PNG')
    for number in range(COUNT):
        place = 8 + number * (len(data) - 8) // COUNT
        found = decoded(tmp_path / 'x.png', data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
        assert found is None or (found == picture()).all()  # a bit of the length of the end chunk, say


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 255])
def test_pixels_and_size_are_turned_as_a_viewer_does(tmp_path, form, orientation):
    data = saved(form, exif=exif(orientation), **({} if form == 'PNG' else dict(quality=95)))
    path = tmp_path / 'x.jpg'
    found, expected = decoded(path, data), reference(data)
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= 2
    assert images.size(path) == found.shape[1::-1] == ((96, 128) if orientation in (5, 6, 7, 8) else (128, 96))


def test_an_orientation_that_is_no_number_is_none(tmp_path):
    for kind, count, value in ((2, 2, b'6\0\0\0'), (7, 1, b'\6\0\0\0'), (11, 1, b'\0\0\xc0\x7f'),
                               (5, 1, b'\xff\xff\xff\xff'), (99, 1, b'\6\0\0\0')):
        tags = b'Exif\0\0II*\0\x08\0\0\0\1\0\x12\1' + kind.to_bytes(2, 'little') + count.to_bytes(4, 'little')
        path = tmp_path / 'x.jpg'
        path.write_bytes(saved(exif=tags + value + bytes(4)))
        assert images.size(path) == (128, 96) == images.decode(path).shape[1::-1]


@pytest.mark.parametrize('counted', ['as shown', 'as stored'])
def test_boxes_of_a_turned_image_agree_with_what_is_shown(tmp_path, counted):
    """Toy dogs whose files are stored turned to the left and say so in EXIF; their XML counts pixels either way."""
    raw = tmp_path / 'raw'
    toy('toy-dogs', raw, classes=2, train=2, test=1)
    convert('toy-dogs', raw, tmp_path / 'plain')
    for path in sorted(raw.glob('Images/*/*.jpg')):
        image = Image.open(path)
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif(6), quality=95)
        if counted == 'as stored':
            xml = raw / 'Annotation' / path.parent.name / path.stem
            xml.write_text(_turned_left(xml.read_text(), image.width))
    convert('toy-dogs', raw, tmp_path / 'turned')
    for split in coco.SPLITS:
        before, after = (coco.read(tmp_path / out / f'{split}.json') for out in ('plain', 'turned'))
        assert before.images == after.images and before.annotations == after.annotations


def _turned_left(xml: str, width: int) -> str:
    """x, y -> y, width - 1 - x."""
    xml = re.sub(r'<(width|height)>', lambda m: f'<{dict(width="height", height="width")[m[1]]}>', xml)
    xml = re.sub(r'</(width|height)>', lambda m: f'</{dict(width="height", height="width")[m[1]]}>', xml)

    def corner(match: re.Match) -> str:
        x1, y1, x2, y2 = map(int, re.findall(r'>(\d+)<', match[0]))
        values = dict(xmin=y1, ymin=width - 1 - x2, xmax=y2, ymax=width - 1 - x1)
        return '<bndbox>' + ''.join(f'<{key}>{value}</{key}>' for key, value in values.items()) + '</bndbox>'

    return re.sub(r'<bndbox>.*?</bndbox>', corner, xml, flags=re.DOTALL)


def test_flat_pictures_are_no_damage(tmp_path):
    """Their code has long zero runs where the tables were made for them."""
    for value in (0, 127, 255):
        for options in (dict(), dict(optimize=True), dict(progressive=True), dict(quality=1), dict(quality=100)):
            flat = np.full((300, 300, 3), value, np.uint8)
            assert np.abs(decoded(tmp_path / 'x.jpg', saved(array=flat, **options)).astype(int) - value).max() <= 2


@pytest.mark.skipif(not SHARED.is_dir(), reason='the real photographs (../shared/data) are not here')
def test_no_real_photograph_is_refused():
    photographs = sorted(SHARED.glob('*/[Ii]mages/*/*.jpg')) + sorted(SHARED.glob('cub/CUB_200_2011/images/*/*.jpg'))
    for path in photographs[::1 if FULL else 10]:
        assert images.decode(path).shape[1::-1] == images.size(path)
    assert len(photographs) >= 682


@pytest.mark.parametrize('name', JPEGS)
def test_any_edit_is_a_picture_of_the_size_that_was_converted_or_an_error(tmp_path, name):
    path = tmp_path / 'x.jpg'
    for seed in range(COUNT // 3):
        found = decoded(path, edited(JPEGS[name], random_edits(Random(seed))))
        assert found is None or (found.dtype == np.uint8 and found.shape[1::-1] == images.size(path))


def of_all_kinds(number: int) -> bytes:
    """One of ten kinds of file, drawn by its number."""
    random, data = Random(number), JPEGS['baseline']
    start, end = entropy_coded(data)
    place = random.randrange(start, end - 512)
    return [data, data[:random.randrange(len(data))], data[:place] + bytes(512) + data[place + 512:],
            data[:place] + random.randbytes(512) + data[place + 512:], saved('PNG'), JPEGS['cmyk'],
            ODD['PNG of 16 bits, grey'][0], JPEGS['turned'], ODD['animated GIF'][0], b''][number % 10]


def test_damaged_files_are_listed_with_a_reason_and_all_others_cropped(tmp_path):
    (tmp_path / 'any.jpg').write_bytes(JPEGS['baseline'])
    names = [f'001.x/{number:03}.jpg' for number in range(COUNT)]
    raw = birds(tmp_path / 'raw', names, tmp_path / 'any.jpg', tests=COUNT // 4)
    damaged = set()
    for number, name in enumerate(names):
        if decoded(raw / 'images' / name, of_all_kinds(number)) is None:
            damaged.add(name)
    convert('cub', raw, tmp_path / 'convert', max_bad=1)
    crop(tmp_path / 'convert', tmp_path / 'crop', by_split=parse_boxes('gt'), size=16, max_bad=1)
    rows = [row for stage in ('convert', 'crop')
            for row in json_files.read(tmp_path / stage / 'quarantine.json')['quarantined']]
    assert sorted(row['file'] for row in rows) == sorted(damaged) and all(row['reason'] for row in rows)
    assert 4 * COUNT // 10 <= len(damaged) <= 5 * COUNT // 10
    for kind in ('box', 'square'):
        cropped = {path.relative_to(tmp_path / 'crop' / kind).as_posix()
                   for path in (tmp_path / 'crop' / kind).rglob('*.jpg')}
        assert cropped == set(names) - damaged


def test_a_split_of_damaged_images_alone_is_named(tmp_path):
    (tmp_path / 'any.jpg').write_bytes(JPEGS['baseline'])
    raw = birds(tmp_path / 'raw', ['a/1.jpg', 'a/2.jpg', 'a/3.jpg'], tmp_path / 'any.jpg')
    (raw / 'images' / 'a' / '3.jpg').write_bytes(b'')
    with pytest.raises(InputError, match='expected an undamaged image in every split, found none in test'):
        convert('cub', raw, tmp_path / 'convert', max_bad=1)
    assert not (tmp_path / 'convert').exists()
