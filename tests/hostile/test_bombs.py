"""Pictures that are small as files and huge as pixels, in a process of their own whose peak memory is measured."""
from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pipelines.core import images
from tests.hostile.test_jpegs import JPEGS, saved

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 500_000_000
CHILD = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
if sys.argv[2] == 'after sahi':
    from PIL import Image, ImageFilter
    from sahi.utils.cv import read_image_as_pil
    read_image_as_pil(sys.argv[3])
    assert Image.MAX_IMAGE_PIXELS is None
from pipelines.core import images, machine
from pipelines.core.errors import DamagedError
said = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    for read in (images.size, images.decode):
        try:
            found = read(path)
            said[f'{path.name} {read.__name__}'] = list(getattr(found, 'shape', found))
        except DamagedError as error:
            said[f'{path.name} {read.__name__}'] = error.parts['found']
        found = None
print(json.dumps(dict(said=said, peak=machine.peak_memory())))
"""


def measured(folder: Path, how: str, good: Path) -> dict:
    done = subprocess.run([sys.executable, '-c', CHILD, str(folder), how, str(good)], cwd=ROOT, capture_output=True,
                          text=True, env=dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1'), timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def zeros(size: int) -> bytes:
    """A zlib stream of so many zeros."""
    pack = zlib.compressobj(9)
    return b''.join(pack.compress(bytes(1 << 20)) for _ in range(size >> 20)) + pack.compress(
        bytes(size & (1 << 20) - 1)) + pack.flush()


def png(width: int, height: int, depth: int = 8, colour: int = 2, *chunks: bytes, data: bytes = zeros(1000)) -> bytes:
    header = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + b''.join(chunks) + chunk(b'IDAT', data)
            + chunk(b'IEND', b''))


def jpeg(width: int, height: int, name: str = 'baseline') -> bytes:
    """A JPEG whose header says another size than its code has."""
    data = JPEGS[name]
    start = next(i for i in range(len(data)) if data[i:i + 2] in (b'\xff\xc0', b'\xff\xc2'))
    return data[:start + 5] + struct.pack('>HH', height, width) + data[start + 9:]


def gif(width: int, height: int, frame: tuple[int, int]) -> bytes:
    return (b'GIF89a' + struct.pack('<HHBBB', width, height, 0x80, 0, 0) + bytes(6) + b','
            + struct.pack('<HHHHB', 0, 0, *frame, 0) + b'\x02\x03\x84\x00\x51\x00;')


def bmp(width: int, height: int, bits: int = 24, compression: int = 0) -> bytes:
    return (b'BM' + struct.pack('<IHHI', 200, 0, 0, 54) + struct.pack('<IiiHHIIiiII', 40, width, height, 1, bits,
                                                                      compression, 0, 0, 0, 0, 0) + bytes(146))


def webp(kind: bytes, data: bytes) -> bytes:
    body = b'WEBP' + kind + struct.pack('<I', len(data)) + data + bytes(len(data) % 2)
    return b'RIFF' + struct.pack('<I', len(body)) + body


def vp8l(width: int, height: int) -> bytes:
    return webp(b'VP8L', b'\x2f' + struct.pack('<I', width - 1 | height - 1 << 14) + bytes(64))


def vp8x(width: int, height: int) -> bytes:
    return webp(b'VP8X', bytes(4) + struct.pack('<I', width - 1)[:3] + struct.pack('<I', height - 1)[:3])


SIDES = [(5793, 5793), (20_000, 20_000), (65_500, 65_500)]  # the first is just above the limit
def bombs() -> dict[str, bytes]:
    return {
        **{f'png {w} of {depth} bits, colour {colour}': png(w, h, depth, colour) for w, h in SIDES
           for depth, colour in ((8, 2), (16, 6), (1, 0), (16, 0), (8, 4))},
        **{f'png {w} x {h}': png(w, h) for w, h in ((2 ** 31 - 1, 2 ** 31 - 1), (2 ** 31 - 1, 1), (1, 2 ** 31 - 1))},
        **{f'png interlaced {w}': png(w, h)[:28] + b'\1' + png(w, h)[29:] for w, h in SIDES[:1]},
        'png, all of it there': png(20_000, 20_000, 1, 0, data=zeros(2501 * 20_000)),
        'png text of 80 MiB': png(8, 8, 8, 2, chunk(b'zTXt', b'x\0\0' + zeros(80 << 20))),
        'png profile of 80 MiB': png(8, 8, 8, 2, chunk(b'iCCP', b'x\0\0' + zeros(80 << 20))),
        'png international text of 80 MiB': png(8, 8, 8, 2, chunk(b'iTXt', b'x\0\1\0\0\0' + zeros(80 << 20))),
        **{f'jpeg {name} {w}': jpeg(w, h, name) for w, h in SIDES
           for name in ('baseline', 'progressive', 'grey', 'cmyk')},
        **{f'gif {w}': gif(w, h, (w, h)) for w, h in (*SIDES[:2], (65_535, 65_535))},
        'gif, frame larger than the screen': gif(1, 1, (65_535, 65_535)),
        **{f'bmp {w} {bits}': bmp(w, h, bits) for w, h in (*SIDES[:2], (2 ** 31 - 1, 2 ** 31 - 1))
           for bits in (1, 24, 32)},
        'bmp upside down': bmp(60_000, -60_000), 'bmp of runs': bmp(60_000, 60_000, 8, 1),
        'webp lossless': vp8l(16_383, 16_383), 'webp lossless, just above': vp8l(5793, 5793),
        'webp canvas': vp8x(1 << 24, 255), 'webp canvas, 16383': vp8x(16_383, 16_383),
        'tiff': saved('TIFF').replace(struct.pack('<HHII', 256, 4, 1, 128), struct.pack('<HHII', 256, 4, 1, 1 << 30)),
        'ppm': b'P6 100000 100000 255\n' + bytes(100), 'ico': saved('ICO', np.zeros((16, 16, 3), np.uint8)),
    }


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """bombs/ and good.jpg."""
    folder = tmp_path_factory.mktemp('bombs')
    (folder / 'bombs').mkdir()
    (folder / 'good.jpg').write_bytes(JPEGS['baseline'])
    for name, data in bombs().items():
        (folder / 'bombs' / f'{name}.jpg').write_bytes(data)
    return folder


@pytest.mark.parametrize('how', ['alone', 'after sahi'])
def test_bombs_are_refused_in_little_memory(folder, how):
    count = len(list((folder / 'bombs').iterdir()))
    result = measured(folder / 'bombs', how, folder / 'good.jpg')
    print(f'{count} bombs {how}: peak {result["peak"] / 1e6:.0f} MB')
    assert len(result['said']) == 2 * count and count >= 50
    assert not {name: found for name, found in result['said'].items() if not isinstance(found, str)}
    assert result['peak'] < LIMIT


def largest() -> dict[str, bytes]:
    """The largest pictures that are allowed, in the formats and modes that need the most memory."""
    width, height = 8192, images.MAX_PIXELS // 8192
    flat = np.full((height, width, 3), 99, np.uint8)
    rgba, grey = np.full((height, width, 4), 99, np.uint8), np.full((height, width), 999, np.uint16)
    return {'rgb.png': saved('PNG', flat), 'rgba.png': saved('PNG', rgba), 'grey16.png': saved('PNG', grey),
            'palette.png': saved('PNG', flat, 'P'), 'turned.png': saved('PNG', flat, exif=_turned()),
            'progressive.jpg': saved('JPEG', flat, progressive=True, subsampling=0), 'rgb.bmp': saved('BMP', flat),
            'cmyk.jpg': saved('JPEG', flat, 'CMYK', progressive=True),
            'turned.jpg': saved('JPEG', flat, exif=_turned()),
            'flat.gif': saved('GIF', flat), 'rgba.webp': saved('WEBP', rgba[::2], lossless=True, method=0)}


def photographs() -> dict[str, bytes]:
    """As cameras make them, of 45 to 200 megapixels, with as much detail as makes large files."""
    tile = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    tile = np.asarray(Image.fromarray(tile).filter(ImageFilter.GaussianBlur(1)))

    def photo(width: int, height: int, mode: str | None = None, **how) -> bytes:
        picture = np.tile(tile, (-(-height // 512), -(-width // 512), 1))[:height, :width]
        return saved('JPEG', picture, mode, quality=90, **how)

    return {'45 MP.jpg': photo(8192, 5464), '45 MP, CMYK.jpg': photo(8192, 5464, 'CMYK'),
            '50 MP, progressive, 444.jpg': photo(8192, 6144, progressive=True, subsampling=0),
            '100 MP, turned.jpg': photo(11656, 8742, exif=_turned()),
            '100 MP, progressive.jpg': photo(11656, 8742, progressive=True),
            '134 MP, turned.jpg': photo(11584, 11584, exif=_turned()),
            '200 MP, turned.jpg': photo(16320, 12240, exif=_turned())}


def _turned() -> bytes:
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags.tobytes()


@pytest.mark.mm
def test_the_largest_pictures_are_decoded_in_little_memory(tmp_path):
    peaks = {}
    for name, data in {**largest(), **photographs()}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(data)
        result = measured(tmp_path / name, 'alone', tmp_path)
        assert all(isinstance(found, list) for found in result['said'].values())
        peaks[name] = result['peak']
    print({name: f'{peak / 1e6:.0f} MB' for name, peak in peaks.items()})
    assert max(peaks.values()) < LIMIT
