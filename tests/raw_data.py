"""Raw datasets that are small enough to know every box of."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

XML = """<annotation><folder>%s</folder><filename>%s</filename>
<size><width>{}</width><height>{}</height><depth>3</depth></size>
{}</annotation>"""


def objects(*boxes: tuple[int, int, int, int]) -> str:
    return ''.join('<object><name>x</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>'
                   '</object>'.format(*box) for box in boxes)


def jpeg(path: Path, size: tuple[int, int], mode: str = 'RGB') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)


def dogs(parent: Path) -> Path:
    """Two breeds of two train images and a test image each, 100 x 80, with boxes written out below."""
    root, rows = parent / 'dogs', {'train': [], 'test': []}
    for label, folder in enumerate(('n01-Alpha', 'n02-Beta'), start=1):
        for number in (1, 2, 3):
            stem = f'{folder[:3]}_{number}'
            jpeg(root / 'Images' / folder / f'{stem}.jpg', (100, 80))
            (root / 'Annotation' / folder).mkdir(parents=True, exist_ok=True)
            (root / 'Annotation' / folder / stem).write_text(XML.format(100, 80, objects((10, 20, 39, 59))))
            rows['train' if number < 3 else 'test'].append((f'{folder}/{stem}.jpg', label))
    two = objects((0, 0, 9, 9), (50, 40, 99, 79))
    (root / 'Annotation' / 'n01-Alpha' / 'n01_3').write_text(XML.format(100, 80, two))
    outside = objects((90, 70, 120, 79), (100, 0, 110, 20))
    (root / 'Annotation' / 'n02-Beta' / 'n02_3').write_text(XML.format(100, 80, outside))
    (root / 'lists').mkdir()
    for split, pairs in rows.items():
        files = np.empty((len(pairs), 1), object)
        files[:, 0] = [file for file, _ in pairs]
        labels = np.array([[label] for _, label in pairs], float)
        savemat(root / 'lists' / f'{split}_list.mat', dict(file_list=files, labels=labels))
    return root


def birds(parent: Path) -> Path:
    """Two species of three images, 60 x 40, one of them grey, two in test."""
    root = parent / 'CUB_200_2011'
    names = ['001.Red_bird/a.jpg', '001.Red_bird/b.jpg', '001.Red_bird/c.jpg', '002.Tit/d.jpg', '002.Tit/e.jpg',
             '002.Tit/f.jpg']
    for name in names:
        jpeg(root / 'images' / name, (60, 40), 'L' if name.endswith('b.jpg') else 'RGB')
    boxes = ['5.0 6.0 20.0 10.0', '5.0 6.0 20.0 10.0', '50.5 -2.0 20.0 12.0', *['0.0 0.0 60.0 40.0'] * 3]
    for table, rows in dict(images=names, classes=['001.Red_bird', '002.Tit'], image_class_labels=[1, 1, 1, 2, 2, 2],
                            train_test_split=[1, 1, 0, 1, 1, 0], bounding_boxes=boxes).items():
        (root / f'{table}.txt').write_text(''.join(f'{i} {row}\n' for i, row in enumerate(rows, start=1)))
    return root


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
