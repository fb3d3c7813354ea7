"""What an audit exports: a table that convert reads back, and the documented formats of Label Studio and FiftyOne."""
from __future__ import annotations

import csv
import json
import os
import subprocess
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from data_converters.convert import convert
from pipelines.core import coco, json_files, review


@pytest.fixture
def exported(toy_dogs_coco, tmp_path):
    """Every image of the toys; the first of train is suspect, its label is to be the second class."""
    splits, items = coco.read_splits(toy_dogs_coco), []
    for name, split in splits.items():
        for rank, (image_id, image) in enumerate(split.images.items(), start=1):
            said = rank, split.classes[1], 0.9 - rank / 100, 0.05, 0.95 - rank / 100, rank == 1, 'a.jpg', 'b.jpg'
            found = dict(zip(review.FOUND, said)) if name == 'train' else {}
            boxes = [row['bbox'] for row in split.annotations[image_id]]
            x, y, w, h = boxes[0]
            items.append(review.Item(image_id, image['file_name'], (image['width'], image['height']),
                                     split.classes[split.label(image_id)], name, boxes, (x, y, x + w, y + h), found))
    folder = tmp_path / 'audit'
    folder.mkdir()
    review.write_table(folder / review.TABLE, items)
    os.symlink(os.path.realpath(toy_dogs_coco / 'images'), folder / review.IMAGES)
    review.write(folder, items, splits['train'].classes, 'row')
    return folder, items, splits


def test_a_corrected_table_goes_back_through_convert(exported, tmp_path):
    folder, items, splits = exported
    copy = tmp_path / 'copy'
    copy.mkdir()
    subprocess.run(['cp', '-P', folder / review.TABLE, folder / review.IMAGES, copy], check=True)
    path = copy / review.TABLE
    rows = list(csv.DictReader(path.open()))
    assert [row['rank'] for row in rows[:3]] == ['1', '2', '3'] and len(rows) == 36
    corrected = rows[0]['file_name']
    rows[0]['label'] = rows[0]['suggested']
    with path.open('w', newline='') as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    convert('corrected', copy, tmp_path / 'convert')
    after = {}
    for name, split in coco.read_splits(tmp_path / 'convert').items():
        for image_id, image in split.images.items():
            after[image['file_name']] = (name, split.classes[split.label(image_id)], [
                row['bbox'] for row in split.annotations[image_id]])
    before = {f'images/{item.file}': (item.split, item.label, [list(box) for box in item.boxes]) for item in items}
    assert before.keys() == after.keys()
    changed = [file for file in before if before[file] != after[file]]
    assert changed == ([corrected] if before[corrected][1] != splits['train'].classes[1] else [])
    assert before[corrected][1] != splits['train'].classes[1]


def test_label_studio_reads_the_tasks(exported):
    """By labelstud.io/guide/predictions: what a task and each kind of result must have."""
    folder, items, splits = exported
    tasks = json_files.read(folder / 'label_studio/tasks.json')
    judged = {item.id: item for item in items if item.found}
    assert len(tasks) == len(judged) == 21
    interface = ElementTree.parse(folder / 'label_studio/interface.xml').getroot()
    controls = {node.get('name'): node for node in interface if node.get('toName')}
    assert [node.get('value') for node in controls['label']] == splits['train'].classes
    (image,) = interface.findall('Image')
    for task in tasks:
        assert set(task) == {'data', 'predictions'} and unquote(task['data']['image']).partition('?d=')[2] == task[
            'data']['file']
        assert image.get('value') == '$image' and all(
            name in task['data'] for name in ('image', 'given'))  # what the interface reads
        (prediction,) = task['predictions']
        assert set(prediction) == {'model_version', 'score', 'result'} and isinstance(prediction['score'], float)
        for result in prediction['result']:
            control = controls[result['from_name']]
            assert result['type'] == control.tag.lower() and result['to_name'] == control.get('toName') == image.get(
                'name')
            known = {node.get('value') for node in control}
            assert set(result['value'][result['type']]) <= known and len(result['value'][result['type']]) == 1
            assert {'original_width', 'original_height', 'image_rotation', 'id'} <= set(result)
        box = next(result for result in prediction['result'] if result['type'] == 'rectanglelabels')
        item = judged[int(box['id'].partition('-')[2])]
        left = box['value']['x'] * box['original_width'] / 100
        assert left == pytest.approx(item.box[0]) and 0 < box['value']['width'] <= 100


def test_photographs_to_annotate_are_tasks_of_the_same_interface():
    rows = [dict(file='a b.jpg', size=[200, 100], box=box, best=best, confidence=0.4, entropy=0.9)
            for box, best in (([20, 10, 120, 60], 1), ([0, 0, 200, 100], 0))]
    (task,) = review.label_studio_next(rows, ['x', 'y'], 'row')
    assert task['data']['image'] == '/data/local-files/?d=a%20b.jpg'
    choice, *boxes = task['predictions'][0]['result']
    assert choice['value'] == dict(choices=['y']) and [one['type'] for one in boxes] == ['rectanglelabels'] * 2
    assert {name: boxes[0]['value'][name] for name in ('x', 'y', 'width', 'height')} == dict(
        x=10, y=10, width=50, height=50)


def test_fiftyone_reads_the_dataset(exported):
    """By its FiftyOneImageDetectionDataset: every label has a file, boxes are shares, attributes are plain values."""
    folder, items, _ = exported
    labels = json_files.read(folder / 'fiftyone/labels.json')
    files = json_files.read(folder / 'fiftyone/data.json')
    assert set(labels) == {'classes', 'labels'} and labels['labels'].keys() == files.keys()
    by_id = {str(item.id): item for item in items}
    for image_id, (row,) in labels['labels'].items():
        assert (folder / 'fiftyone' / files[image_id]).resolve().is_file()
        assert row.keys() == {'label', 'bounding_box', 'attributes'} and row['label'] in labels['classes']
        x, y, w, h = row['bounding_box']
        assert 0 <= x < x + w <= 1 + 1e-9 and 0 <= y < y + h <= 1 + 1e-9
        assert w == pytest.approx((by_id[image_id].box[2] - by_id[image_id].box[0]) / by_id[image_id].size[0])
        assert all(isinstance(value, (str, int, float)) for value in row['attributes'].values())


def test_a_table_says_of_unjudged_images_what_was_given(exported):
    folder, items, _ = exported
    rows = {row['file_name']: row for row in csv.DictReader((folder / review.TABLE).open())}
    for item in items:
        row = rows[f'images/{item.file}']
        assert (row['label'], row['split']) == (item.label, item.split)
        assert json.loads(row['bbox']) == [list(box) for box in item.boxes]
        assert (row['suggested'] == '') == (item.split != 'train')
