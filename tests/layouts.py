"""A converted dataset written out again in every layout that convert reads, as the tools of that layout write it.

Each writer takes `Picture`s and a folder; images are copies of the converted ones, their bytes unchanged.
"""
from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.io import savemat

from pipelines.core import coco, json_files
from tests.raw_data import XML, objects


class Picture(NamedTuple):
    """``boxes`` are left, top, width, height in pixels; ``stem`` is unique."""
    path: Path
    stem: str
    label: str
    number: int
    split: str
    size: tuple[int, int]
    boxes: list[list[float]]


def of(folder: Path) -> list[Picture]:
    """The images of a convert folder, train first."""
    found = []
    for split in coco.SPLITS:
        content = json_files.read(folder / f'{split}.json')
        names = {row['id']: row['name'] for row in content['categories']}
        boxes: dict[int, list] = {}
        for row in content['annotations']:
            boxes.setdefault(row['image_id'], []).append(row['bbox'])
        found += [Picture(folder / 'images' / row['file_name'], Path(row['file_name']).stem, names[row['category_id']],
                          row['category_id'], split, (row['width'], row['height']), boxes.get(row['id'], []))
                  for row in content['images']]
    return found


def _copy(picture: Picture, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(picture.path, path)


def _names(pictures: Sequence[Picture]) -> list[str]:
    return [name for _, name in sorted({(picture.number, picture.label) for picture in pictures})]


def split_folders(pictures: Sequence[Picture], out: Path) -> None:
    for picture in pictures:
        split = 'validation' if picture.split == 'val' else picture.split
        _copy(picture, out / split / picture.label / f'{picture.stem}.JPG')


def class_folders(pictures: Sequence[Picture], out: Path) -> None:
    for picture in pictures:
        _copy(picture, out / picture.label / f'{picture.stem}.jpeg')


def table_csv(pictures: Sequence[Picture], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / 'metadata.csv').open('w', newline='', encoding='utf-8-sig') as stream:
        rows = csv.writer(stream)
        rows.writerow(('file_name', 'label', 'split', 'bbox'))
        for picture in pictures:
            _copy(picture, out / 'photos' / f'{picture.stem}.jpg')
            rows.writerow((f'photos/{picture.stem}.jpg', picture.label, picture.split, json.dumps(picture.boxes)))


def table_jsonl(pictures: Sequence[Picture], out: Path) -> None:
    """Hugging Face's own: a table in each split's folder, names relative to it."""
    lines: dict[str, list[str]] = {}
    for picture in pictures:
        split = 'validation' if picture.split == 'val' else picture.split
        _copy(picture, out / split / f'{picture.stem}.jpg')
        lines.setdefault(split, []).append(json.dumps(dict(
            file_name=f'{picture.stem}.jpg', label=picture.label, bbox=picture.boxes)))
    for split, rows in lines.items():
        (out / split / 'metadata.jsonl').write_text('\n'.join(rows) + '\n')


def _coco(pictures: Sequence[Picture], every: Sequence[Picture], prefix: str = '') -> dict:
    names = _names(every)
    annotations = [dict(id=0, image_id=i, category_id=picture.number, bbox=box, area=box[2] * box[3], iscrowd=0)
                   for i, picture in enumerate(pictures, start=7) for box in picture.boxes]
    return dict(
        info={}, licenses=[], annotations=[dict(row, id=i) for i, row in enumerate(annotations)],
        images=[dict(id=i, file_name=f'{prefix}{picture.stem}.jpg', width=picture.size[0], height=picture.size[1])
                for i, picture in enumerate(pictures, start=7)],
        categories=[dict(id=0, name='animals', supercategory='none')] + [
            dict(id=i, name=name, supercategory='animals') for i, name in enumerate(names, start=1)])


def coco_instances(pictures: Sequence[Picture], out: Path) -> None:
    """annotations/instances_val2017.json beside val2017/."""
    (out / 'annotations').mkdir(parents=True, exist_ok=True)
    for split in coco.SPLITS:
        mine = [picture for picture in pictures if picture.split == split]
        for picture in mine:
            _copy(picture, out / f'{split}2017' / f'{picture.stem}.jpg')
        (out / 'annotations' / f'instances_{split}2017.json').write_text(json.dumps(_coco(mine, pictures)))


def coco_roboflow(pictures: Sequence[Picture], out: Path) -> None:
    for split in coco.SPLITS:
        folder = out / ('valid' if split == 'val' else split)
        mine = [picture for picture in pictures if picture.split == split]
        for picture in mine:
            _copy(picture, folder / f'{picture.stem}.jpg')
        (folder / '_annotations.coco.json').write_text(json.dumps(_coco(mine, pictures)))


def _yolo_rows(picture: Picture) -> str:
    width, height = picture.size
    return ''.join(f'{picture.number - 1} {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} '
                   f'{h / height:.6f}\n' for x, y, w, h in picture.boxes)


def yolo(pictures: Sequence[Picture], out: Path) -> None:
    """Ultralytics: images/val beside labels/val."""
    for picture in pictures:
        _copy(picture, out / 'images' / picture.split / f'{picture.stem}.jpg')
        label = out / 'labels' / picture.split / f'{picture.stem}.txt'
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(_yolo_rows(picture))
    names = '\n'.join(f'  {i}: {name}' for i, name in enumerate(_names(pictures)))
    (out / 'data.yaml').write_text(f'path: .\ntrain: images/train\nval: images/val\nnames:\n{names}\n')


def yolo_roboflow(pictures: Sequence[Picture], out: Path) -> None:
    """valid/images beside valid/labels."""
    for picture in pictures:
        folder = out / ('valid' if picture.split == 'val' else picture.split)
        _copy(picture, folder / 'images' / f'{picture.stem}.jpg')
        (folder / 'labels').mkdir(exist_ok=True)
        (folder / 'labels' / f'{picture.stem}.txt').write_text(_yolo_rows(picture))
    (out / 'data.yaml').write_text(f'train: ../train/images\nnc: 3\nnames: {json.dumps(_names(pictures))}\n')


def yolo_darknet(pictures: Sequence[Picture], out: Path) -> None:
    """Lists of images, names in classes.txt."""
    for picture in pictures:
        _copy(picture, out / 'images' / f'{picture.stem}.jpg')
        (out / 'labels').mkdir(exist_ok=True)
        (out / 'labels' / f'{picture.stem}.txt').write_text(_yolo_rows(picture))
    for split in coco.SPLITS:
        (out / f'{split}.txt').write_text(''.join(
            f'./images/{picture.stem}.jpg\n' for picture in pictures if picture.split == split))
    (out / 'classes.txt').write_text('\n'.join(_names(pictures)) + '\n')


def _xml(picture: Picture, first: int) -> str:
    inclusive = [(x + first, y + first, x + w + first - 1, y + h + first - 1) for x, y, w, h in picture.boxes]
    text = XML.format(*picture.size, objects(*(tuple(map(round, box)) for box in inclusive)))
    return text.replace('<name>x</name>', f'<name>{picture.label}</name>')


def voc(pictures: Sequence[Picture], out: Path) -> None:
    """The devkit's: inclusive, from 1 on."""
    for folder in ('Annotations', 'ImageSets/Main'):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        _copy(picture, out / 'JPEGImages' / f'{picture.stem}.jpg')
        (out / 'Annotations' / f'{picture.stem}.xml').write_text(_xml(picture, 1))
    for split in coco.SPLITS:
        (out / 'ImageSets/Main' / f'{split}.txt').write_text(''.join(
            f'{picture.stem}\n' for picture in pictures if picture.split == split))


def voc_cvat(pictures: Sequence[Picture], out: Path) -> None:
    """An XML beside each image, edges with two digits."""
    for picture in pictures:
        path = out / picture.split / f'{picture.stem}.jpg'
        _copy(picture, path)
        boxes = [(f'{x:.2f}', f'{y:.2f}', f'{x + w:.2f}', f'{y + h:.2f}') for x, y, w, h in picture.boxes]
        text = XML.format(*picture.size, objects(*boxes)).replace('<name>x</name>', f'<name>{picture.label}</name>')
        path.with_suffix('.xml').write_text(text.replace('.00</ymax>', '.25</ymax>', 1))


def nabirds(pictures: Sequence[Picture], out: Path) -> None:
    """One box per image; ids that are no numbers, classes with gaps; val is part of train."""
    tables: dict[str, list[str]] = {name: [] for name in (
        'images', 'bounding_boxes', 'image_class_labels', 'train_test_split', 'sizes')}
    for i, picture in enumerate(pictures):
        key = f'{i:08x}-c01d-4a'
        file = f'{100 + picture.number:04d}/{picture.stem}.jpg'
        _copy(picture, out / 'images' / file)
        for table, value in zip(tables, (file, ' '.join(f'{v:.0f}' for v in picture.boxes[0]), 100 + picture.number,
                                         int(picture.split != 'test'), f'{picture.size[0]} {picture.size[1]}')):
            tables[table].append(f'{key} {value}')
    for table, rows in tables.items():
        (out / f'{table}.txt').write_text('\n'.join(rows) + '\n')
    names = [(100 + i, name.replace('_', ' ')) for i, name in enumerate(_names(pictures), start=1)]
    (out / 'classes.txt').write_text('0 Birds\n' + ''.join(f'{i} {name}\n' for i, name in names))
    (out / 'hierarchy.txt').write_text(''.join(f'{i} 0\n' for i, _ in names))


def aircraft(pictures: Sequence[Picture], out: Path) -> None:
    rows = []
    for picture in pictures:
        _copy(picture, out / 'data' / 'images' / f'{picture.stem}.jpg')
        x, y, w, h = picture.boxes[0]
        rows.append(f'{picture.stem} {x + 1:.0f} {y + 1:.0f} {x + w:.0f} {y + h:.0f}\n')
    (out / 'data' / 'images_box.txt').write_text(''.join(rows))
    for split in coco.SPLITS:
        (out / 'data' / f'images_variant_{split}.txt').write_text(''.join(
            f'{picture.stem} {picture.label.replace("_", " ")}\n' for picture in pictures if picture.split == split))


def cars(pictures: Sequence[Picture], out: Path) -> None:
    """val is part of train; file names without the folder."""
    (out / 'devkit').mkdir(parents=True)
    rows: dict[str, list] = dict(train=[], test=[])
    dtype = [(name, object) for name in ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2', 'class', 'fname')]
    for picture in pictures:
        split = 'test' if picture.split == 'test' else 'train'
        _copy(picture, out / f'cars_{split}' / f'{picture.stem}.jpg')
        x, y, w, h = map(round, picture.boxes[0])
        rows[split].append((x + 1, y + 1, x + w, y + h, picture.number, f'{picture.stem}.jpg'))
    names = np.empty((1, len(_names(pictures))), object)
    names[0, :] = [name.replace('_', ' ') for name in _names(pictures)]
    savemat(out / 'devkit/cars_meta.mat', dict(class_names=names))
    for path, split in (('devkit/cars_train_annos.mat', 'train'), ('cars_test_annos_withlabels.mat', 'test')):
        savemat(out / path, dict(annotations=np.array([rows[split]], dtype)), do_compression=True)


def pets(pictures: Sequence[Picture], out: Path) -> None:
    """Trimaps: the box filled with animal inside a border; val is part of trainval."""
    (out / 'annotations/trimaps').mkdir(parents=True)
    lines: dict[str, list[str]] = dict(trainval=[], test=[])
    for i, picture in enumerate(pictures):
        stem = f'{picture.label}_{i}'
        _copy(picture, out / 'images' / f'{stem}.jpg')
        x, y, w, h = map(round, picture.boxes[0])
        trimap = np.full(picture.size[::-1], 2, np.uint8)
        trimap[y:y + h, x:x + w] = 3
        trimap[y + 1:y + h - 1, x + 1:x + w - 1] = 1
        Image.fromarray(trimap).save(out / 'annotations/trimaps' / f'{stem}.png')
        lines['test' if picture.split == 'test' else 'trainval'].append(f'{stem} {picture.number} 2 {picture.number}')
    for name, rows in lines.items():
        (out / 'annotations' / f'{name}.txt').write_text('#Image CLASS-ID SPECIES BREED ID\n' + '\n'.join(rows) + '\n')
    (out / 'images' / 'stray.mat').write_bytes(b'MATLAB')
    (out / 'images' / '._stray.jpg').write_bytes(b'resource fork')


Writer = Callable[[Sequence[Picture], Path], None]
# by layout: splits and boxes as given
GIVEN: dict[str, tuple[str, Writer]] = {
    'split folders': ('split-folders', split_folders), 'metadata.csv': ('table', table_csv),
    'metadata.jsonl': ('table', table_jsonl), 'COCO': ('coco', coco_instances),
    'COCO, Roboflow': ('coco', coco_roboflow),
    'YOLO': ('yolo', yolo), 'YOLO, Roboflow': ('yolo', yolo_roboflow), 'YOLO, darknet': ('yolo', yolo_darknet),
    'VOC': ('voc', voc), 'VOC, CVAT': ('voc', voc_cvat), 'aircraft': ('aircraft', aircraft)}
WITHOUT_VAL: dict[str, tuple[str, Writer]] = {
    'NABirds': ('nabirds', nabirds), 'cars': ('cars', cars), 'pets': ('pets', pets)}
