"""Boxes from files: each format gives the same boxes of the same images; what does not fit is refused in words."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.core import box_files, given_boxes
from pipelines.core.errors import InputError

# by id: 100 x 80 and 60 x 120 pixels, in folders of classes
IMAGES = {1: dict(file_name='fox/a.jpg', width=100, height=80), 2: dict(file_name='fox/b.JPG', width=60, height=120),
          5: dict(file_name='cat/a.png', width=100, height=80)}
BOXES = {'fox/a.jpg': [(10, 20, 30, 40), (50, 8, 40, 60)], 'fox/b.JPG': [(15, 30, 30, 60)]}  # xywh
RESULTS = [(1, [50, 8, 40, 60]), (1, [10, 20, 30, 40]), (2, [15, 30, 30, 60])]  # of equal scores the largest first


def sizes(name: str) -> tuple[int, int]:
    return next((row['width'], row['height']) for row in IMAGES.values() if row['file_name'] == name)


def each() -> list[tuple[str, tuple[int, ...]]]:
    return [(name, box) for name, rows in BOXES.items() for box in rows]


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def coco_annotations(folder: Path) -> Path:
    ids = {name: number for number, name in enumerate(BOXES, start=70)}  # of its own
    return write(folder / 'instances.json', dict(
        images=[dict(id=ids[name], file_name=f'/data/photos/{name}', width=1, height=1) for name in BOXES],
        annotations=[dict(id=i, image_id=ids[name], category_id=3, bbox=box) for i, (name, box) in enumerate(each())]
        + [dict(id=99, image_id=70, category_id=3, bbox=[0, 0, 100, 80], iscrowd=1)], categories=[]))


def coco_results(folder: Path) -> Path:
    ids = {row['file_name']: image_id for image_id, row in IMAGES.items()}
    return write(folder / 'results.json', [dict(image_id=ids[name], category_id=1, bbox=box) for name, box in each()])


def named_results(folder: Path) -> Path:
    return write(folder / 'results.json', [dict(file_name=name, bbox=box) for name, box in each()])


def table(folder: Path) -> Path:
    return write(folder / 'boxes.csv', '\n'.join(['file_name,x,y,w,h', *(
        ','.join(map(str, (name, *box))) for name, box in each())]) + '\n')


def yolo(folder: Path) -> Path:
    lines: dict[str, list[str]] = {}
    for name, (x, y, w, h) in each():
        width, height = sizes(name)
        lines.setdefault(name.rpartition('.')[0], []).append(
            f'7 {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} {h / height:.6f}')
    for name, rows in lines.items():
        write(folder / 'labels/train' / f'{name}.txt', '\n'.join(rows) + '\n')
    write(folder / 'labels/train/cat/a.txt', '')  # nothing is in that image
    write(folder / 'labels/classes.txt', 'fox\n')
    return folder / 'labels'


def megadetector(folder: Path) -> Path:
    found: dict[str, list[dict]] = {}
    for name, (x, y, w, h) in each():
        width, height = sizes(name)
        found.setdefault(name, []).append(dict(category='1', conf=1.0, bbox=[
            x / width, y / height, w / width, h / height]))
    found['fox/a.jpg'].append(dict(category='2', conf=1.0, bbox=[0, 0, 1, 1]))  # a person
    return write(folder / 'md.json', dict(
        images=[dict(file=name.replace('/', '\\'), detections=rows) for name, rows in found.items()]
        + [dict(file='cat/a.png', failure='Failure image access', detections=None)],
        detection_categories={'1': 'animal', '2': 'person', '3': 'vehicle'}, info={}))


def given(path: Path) -> given_boxes.Given:
    return given_boxes.to_results(path, box_files.read(path), IMAGES)


@pytest.mark.parametrize(('make', 'form'), [
    (coco_annotations, 'COCO annotations'), (coco_results, 'COCO results'), (named_results, 'COCO results'),
    (table, 'CSV'), (yolo, 'YOLO labels'), (megadetector, 'MegaDetector')])
def test_every_format_gives_the_same_boxes(tmp_path, make: Callable[[Path], Path], form):
    found = given(make(tmp_path))
    assert [(row['image_id'], row['category_id'], row['score'], row['source']) for row in found.results] == [
        (image_id, 1, 1.0, 'given') for image_id, _ in RESULTS]
    assert np.abs(np.array([row['bbox'] for row in found.results]) - [box for _, box in RESULTS]).max() <= 0.01
    assert found.facts == dict(format=form, boxes=3, images=2, clipped=0, dropped=0, unknown_images=0,
                               unknown_examples=[])


def test_scores_are_kept_and_the_best_comes_first(tmp_path):
    path = write(tmp_path / 'b.csv', 'score,h,w,y,x,file_name\n0.2,60,40,8,50,fox/a\n0.75,40,30,20,10,FOX/A.JPG\n')
    with pytest.raises(InputError, match='expected one name for each image, found fox/a and FOX/A.JPG, both for fox'):
        given(path)
    found = given(write(path, path.read_text().replace('FOX/A.JPG', 'fox/a')))
    assert [(row['score'], row['bbox']) for row in found.results] == [(0.75, [10, 20, 30, 40]), (0.2, [50, 8, 40, 60])]


def test_names_match_by_their_end_and_what_is_left_over_is_counted(tmp_path):
    path = write(tmp_path / 'b.csv', 'file_name,x,y,w,h\n/my/disk/fox/a.jpeg,1,2,3,4\nb.png,5,6,7,8\n'
                 'dog/x.jpg,1,1,5,5\ndog/y.jpg,1,1,5,5\n')
    found = given(path)
    assert [(row['image_id'], row['bbox']) for row in found.results] == [(1, [1, 2, 3, 4]), (2, [5, 6, 7, 8])]
    assert (found.facts['unknown_images'], found.facts['unknown_examples']) == (2, ['dog/x.jpg', 'dog/y.jpg'])


def test_a_few_boxes_that_leave_their_images_are_cut_or_dropped_and_counted(tmp_path):
    rows = ['fox/a.jpg,10,10,20,20'] * 60 + ['fox/a.jpg,90,70,30,30', 'fox/b.JPG,70,10,20,20']
    found = given(write(tmp_path / 'b.csv', 'file_name,x,y,w,h\n' + '\n'.join(rows)))
    assert [90, 70, 10, 10] in [row['bbox'] for row in found.results] and len(found.results) == 61
    assert (found.facts['clipped'], found.facts['dropped'], found.facts['images']) == (1, 1, 1)


HEAD = 'file_name,x,y,w,h\n'


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('b.csv', HEAD + 'dog/x.jpg,1,1,5,5\ndog/y.jpg,1,1,5,5\n',
     r'b.csv: expected boxes of the 3 images of this dataset, as fox/a.jpg, found 2 other images, as dog/x.jpg, dog/y'),
    ('b.csv', HEAD + 'a.jpg,1,1,5,5\n', 'expected names that say which image is meant, found a.jpg, which the names'),
    ('b.csv', HEAD + 'fox/a.jpg,50,8,90,68\nfox/b.JPG,15,40,45,110\nfox/a.jpg,60,20,90,79\n',
     r'b.csv, line 2: expected x, y, width, height, found what looks like left, top, right, bottom: 3 of 3 \(100%\)'),
    ('b.csv', HEAD + 'fox/a.jpg,0.1,0.2,0.3,0.4\nfox/b.JPG,0.5,0.5,0.2,1\n',
     'expected boxes in pixels, found 2 boxes of numbers from 0 to 1, which are shares of the image'),
    ('b.csv', HEAD + 'fox/a.jpg,10,50,60,45\nfox/a.jpg,5,60,70,38\n',
     'expected boxes in the frame that a viewer shows, Exif orientation applied, found 2 of 2'),
    ('b.csv', HEAD + 'fox/a.jpg,10,10,20,20\nfox/a.jpg,400,300,200,200\n',
     r'b.csv, line 3: expected boxes inside the images, all but 5% of them, found 1 of 2 \(50%\) that leave them, as '
     r'\[400.0, 300.0, 200.0, 200.0\] \(xywh\) in 100 x 80 pixels'),
    ('b.csv', HEAD + 'fox/a.jpg,10,10,0,20\n', 'line 2: expected a width and a height above 0, found 0 x 20'),
    ('b.csv', HEAD + 'fox/a.jpg,10,10,wide,20\n', "line 2: expected numbers, found '10 10 wide 20'"),
    ('b.csv', HEAD + 'fox/a.jpg,10,10\n', 'line 2: expected numbers'),
    ('b.csv', HEAD + 'fox/a.jpg,10,nan,10,20\n', 'line 2: expected numbers'),
    ('b.csv', 'file_name,x,y,w,h,score\nfox/a.jpg,10,10,5,20,87\n', 'line 2: expected a score from 0 to 1, found 87'),
    ('b.csv', 'image,xmin,ymin,xmax,ymax\n', r"b.csv:1: expected file_name,x,y,w,h\[,score\] as the first line"),
    ('b.csv', HEAD, 'b.csv: expected boxes, found CSV without any'),
    ('b.json', '[{"image_id": 9, "bbox": [1, 1, 5, 5], "score": 1}, {"image_id": 1, "bbox": [1, 1, 5, 5]}]',
     'expected image ids as convert gave them, found 1 others, as 9'),
    ('b.json', '[{"image_id": 1, "bbox": [1, 1, 5]}]', 'row 0: expected image_id or file_name, bbox'),
    ('b.json', '{"boxes": []}', 'b.json: expected COCO annotations or results .*, found JSON with boxes'),
    ('b.json', '{', 'b.json: expected COCO annotations or results'),
    ('b.json', '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 2, "bbox": [1, 1, 2, 2]}]}',
     'annotations, row 0: expected image_id of an image of this file'),
    ('b.json', '{"images": [{"file": "fox/a.jpg", "detections": [{"category": "1", "conf": 0.9, "bbox": '
     '[10, 20, 30, 40]}]}], "detection_categories": {"1": "animal"}}',
     r'detection 0: expected numbers from 0 to 1, as shares of the image, found boxes that leave the image: 1 of 1'),
    ('labels/fox/a.txt', '0 50 40 30 20\n', r'labels, fox/a.txt:1: expected numbers from 0 to 1, as shares of the'),
    ('labels/fox/a.txt', '0 0.5 0.4 0.3\n', r'labels, fox/a.txt:1: expected class cx cy w h \[score\]'),
    ('labels/fox/a.txt', '', 'labels: expected boxes, found YOLO labels without any')])
def test_what_does_not_fit_is_refused_in_words(tmp_path, name, content, message):
    write(tmp_path / name, content)
    with pytest.raises(InputError, match=message):
        given(tmp_path / name.split('/')[0])


def test_no_file_is_named(tmp_path):
    with pytest.raises(InputError, match='nowhere.csv: expected COCO annotations or results .*, found nothing'):
        box_files.read(tmp_path / 'nowhere.csv')
