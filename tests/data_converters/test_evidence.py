"""Boxes that are not what their layout says: refused, or said with their share."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from data_converters.convert import convert
from pipelines.core import coco, json_files
from tests.data_converters.own_data import picture, refused
from tests.raw_data import XML, objects


def boxed(root: Path, box: Callable[[int, int, int, int], tuple], **options) -> Path:
    """metadata.csv of 40 images, 60 x 40, with boxes of 20 x 10 somewhere in them, as ``box`` writes them."""
    rows, random = ['file_name,label,bbox'], np.random.default_rng(0)
    for i in range(40):
        x, y = int(random.integers(0, 40)), int(random.integers(0, 30))
        picture(root / f'{i}.jpg', i, **options)
        rows.append(f'{i}.jpg,{"fly" if i % 2 else "cap"},"{list(box(x, y, 20, 10))}"')
    (root / 'metadata.csv').write_text('\n'.join(rows))
    return root


def test_corners_taken_for_sizes(tmp_path):
    raw = boxed(tmp_path / 'raw', lambda x, y, w, h: (x, y, x + w, y + h))
    refused(raw, r'metadata\.csv: expected left, top, width, height, found right and bottom in place of width and '
                 r'height: \d+ of 40 boxes \(\d+\.\d%\) leave their images, and none would so')


def test_shares_taken_for_pixels(tmp_path):
    raw = boxed(tmp_path / 'raw', lambda x, y, w, h: (x / 60, y / 40, w / 60, h / 40))
    refused(raw, r'metadata\.csv: expected boxes in pixels, found numbers from 0 to 1, as YOLO writes them, in 100%')


def test_boxes_of_images_of_another_size(tmp_path):
    raw = boxed(tmp_path / 'raw', lambda x, y, w, h: (3 * x, 3 * y, 3 * w, 3 * h))
    refused(raw, r'metadata\.csv: expected boxes inside their images, found \d+ of 40 boxes .* lose over 10% at the '
                 r'border')


def turned(number: int) -> dict:
    exif = Image.Exif()
    exif[0x0112] = number
    return dict(exif=exif)


def test_boxes_in_the_frame_of_the_stored_pixels(tmp_path):
    """Images are stored as 60 x 40 and shown as 40 x 60, turned by 90 degrees to the right (6)."""
    raw = boxed(tmp_path / 'raw', lambda x, y, w, h: (x, y, w, h), **turned(6))
    refused(raw, r'csv: expected boxes in the frame that a viewer shows, found boxes of images that EXIF turns '
                 r'as their pixels are stored: \d+ of 40 leave their images as shown, 0 as stored\n.*BOX_FRAME=stored')
    convert('own', raw, tmp_path / 'stored', box_frame='stored')
    stored = {row.split(',')[0]: json.loads(row.split('"')[1]) for row in
              (raw / 'metadata.csv').read_text().splitlines()[1:]}
    for part in coco.read_splits(tmp_path / 'stored').values():
        for i, image in part.images.items():
            x, y, w, h = stored[image['file_name']]
            assert (image['width'], image['height']) == (40, 60)
            assert part.annotations[i][0]['bbox'] == [40 - y - h, x, h, w]


def test_turned_images_whose_frame_nothing_tells_are_said(tmp_path):
    raw = boxed(tmp_path / 'raw', lambda x, y, w, h: (min(x, 20), min(y, 20), w, h), **turned(8))
    convert('own', raw, tmp_path / 'out')
    remark = ('40 of 40 boxes (100.0%) are of 40 images that EXIF turns, and nothing says in which frame: taken as '
              'shown (--box-frame)')
    assert json_files.read(tmp_path / 'out/summary.json')['remarks'] == [remark]
    assert f'remark: {remark}' in (tmp_path / 'out/summary.txt').read_text()
    convert('own', raw, tmp_path / 'shown', box_frame='shown')
    assert json_files.read(tmp_path / 'shown/summary.json')['remarks'] == []


def test_sizes_in_the_annotation_tell_the_frame(tmp_path):
    """A VOC file that gives 60 x 40 for an image shown as 40 x 60 counts its boxes in stored pixels."""
    raw = tmp_path / 'raw'
    for i in range(10):
        picture(raw / 'x' / f'{i}.jpg', i, **turned(6))
        text = XML.format(60, 40, objects((11, 6, 30, 15))).replace('<name>x<', f'<name>{"fly" if i % 2 else "cap"}<')
        (raw / 'x' / f'{i}.xml').write_text(text)
    convert('own', raw, tmp_path / 'out')
    boxes = [row['bbox'] for part in coco.read_splits(tmp_path / 'out').values() for rows in part.annotations.values()
             for row in rows]
    assert boxes == [[25, 10, 10, 20]] * 10  # 10..30 x 5..15, turned
    summary = json_files.read(tmp_path / 'out/summary.json')
    assert summary['remarks'] == [] and len(summary['rescaled']) == 10


def test_small_boxes_are_said_with_their_share(tmp_path):
    raw = boxed(tmp_path / 'raw', lambda x, y, w, h: (x, y, 1.5 if x % 2 else w, h))
    convert('own', raw, tmp_path / 'out')
    [remark] = json_files.read(tmp_path / 'out/summary.json')['remarks']
    small = sum('1.5, 10' in line for line in (raw / 'metadata.csv').read_text().splitlines())
    assert remark == f'{small} of 40 boxes ({small / 40:.1%}) are below 2 pixels' and small > 5


def test_shares_of_stored_pixels_are_turned(tmp_path):
    """YOLO labels written by a tool that does not turn images; 60 x 40 stored, 40 x 60 shown."""
    for i in range(12):
        picture(tmp_path / 'raw/images' / f'{i}.jpg', i, **turned(6))
        label = tmp_path / 'raw/labels' / f'{i}.txt'
        label.parent.mkdir(exist_ok=True)
        label.write_text(f'{i % 2} {20 / 60} {10 / 40} {20 / 60} {10 / 40}\n')  # 10..30 x 5..15
    (tmp_path / 'raw/data.yaml').write_text('names: [fly, cap]\n')
    convert('own', tmp_path / 'raw', tmp_path / 'stored', box_frame='stored')
    convert('own', tmp_path / 'raw', tmp_path / 'shown', box_frame='shown')
    for name, expected in (('stored', [25, 10, 10, 20]), ('shown', [40 / 6, 7.5, 40 / 3, 15])):
        boxes = [row['bbox'] for part in coco.read_splits(tmp_path / name).values()
                 for rows in part.annotations.values() for row in rows]
        assert len(boxes) == 12 and np.abs(np.array(boxes) - expected).max() < 1e-6
