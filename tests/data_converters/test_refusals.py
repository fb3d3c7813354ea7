"""What convert refuses of one's own data: file, what is wrong, and a remedy."""
from __future__ import annotations

import json
import os
import shutil

import pytest

from data_converters.convert import convert
from pipelines.core import coco, json_files
from pipelines.core.errors import InputError
from tests import layouts
from tests.data_converters.own_data import edit, folders, picture, refused, table
from tests.raw_data import objects


def test_a_split_without_a_class_in_a_table(tmp_path):
    raw = table(tmp_path / 'raw', split=lambda i, label: 'test' if label == 'cap' and i > 5 else 'train')
    refused(raw, 'test: expected the classes of train in every split, found no fly in test')


def test_two_labels_for_one_image(tmp_path):
    raw = table(tmp_path / 'raw')
    with (raw / 'metadata.csv').open('a') as stream:
        stream.write('1.jpg,cap\n')
    refused(raw, r'metadata\.csv:12: expected one label for an image, found 1\.jpg: cap after fly')


def test_two_labels_in_coco_and_yolo_and_voc(tmp_path, toy_dogs_coco):
    pictures = layouts.of(toy_dogs_coco)
    layouts.coco_roboflow(pictures, tmp_path / 'coco' / 'raw')
    path = tmp_path / 'coco' / 'raw' / 'test' / '_annotations.coco.json'
    content = json.loads(path.read_text())
    content['annotations'].append(dict(content['annotations'][0], id=999, category_id=3))
    path.write_text(json.dumps(content))
    refused(tmp_path / 'coco' / 'raw', r'test/_annotations\.coco\.json, annotations, .*: expected one label for an '
                                       r'image, found n\d+_\d+\.jpg as Cobble_corgi and as Amber_spitz')
    layouts.yolo(pictures, tmp_path / 'yolo' / 'raw')
    label = sorted((tmp_path / 'yolo' / 'raw' / 'labels' / 'train').iterdir())[0]
    label.write_text(label.read_text() + '2 0.5 0.5 0.1 0.1\n')
    refused(tmp_path / 'yolo' / 'raw', f'{label.name}: expected one label for an image, found Amber_spitz and Cob')
    layouts.voc(pictures, tmp_path / 'voc' / 'raw')
    xml = sorted((tmp_path / 'voc' / 'raw' / 'Annotations').iterdir())[0]
    edit(xml, '</annotation>', objects((1, 1, 9, 9)) + '</annotation>')
    refused(tmp_path / 'voc' / 'raw', f'{xml.name}: expected one label for an image, found Amber_spitz and x')


def test_class_names_that_differ_in_case_alone(tmp_path):
    raw = table(tmp_path / 'raw')
    edit(raw / 'metadata.csv', '"7.jpg","fly"', '"7.jpg","Fly"')
    refused(raw, r"metadata\.csv: expected class names that differ in more than case, found 'Fly' and 'fly'")
    raw = folders(tmp_path / 'folders' / 'raw')
    shutil.copytree(raw / 'fly', raw / 'FLY')
    refused(raw, "raw: expected class names that differ in more than case, found 'FLY' and 'fly'")


def test_a_group_in_two_splits(tmp_path):
    raw = table(tmp_path / 'raw', group=lambda i, label: f'camera {i % 5}',
                split=lambda i, label: 'test' if i > 6 else 'train')
    refused(raw, r"group: expected every group in one split, found 'camera 2' in train \(2\.jpg\) and in test "
                 r'\(7\.jpg\)')


def test_whole_groups_are_drawn(tmp_path):
    def group(i: int, label: str) -> str:
        return f'{label}{i // 7}' if i < 28 else ''

    raw = tmp_path / 'raw'
    rows = ['file_name,label,group']
    for i in range(60):
        label = 'fly' if i % 2 else 'cap'
        picture(raw / f'{i}.jpg', i)
        rows.append(f'{i}.jpg,{label},{group(i, label)}')
    (raw / 'metadata.csv').write_text('\n'.join(rows))
    for seed in range(5):
        out = tmp_path / f'out{seed}'
        convert('own', raw, out, seed=seed)
        lines = [line.split(',') for line in (out / 'splits.csv').read_text().splitlines()[1:]]
        of_group = {}
        for _, _, split, name in lines:
            if name:
                assert of_group.setdefault(name, split) == split
        test = [label for _, label, split, _ in lines if split == 'test']
        assert 6 <= test.count('fly') <= 9 and 6 <= test.count('cap') <= 9  # a fifth of 30, rounded up to groups


def test_a_class_of_one_group_cannot_be_split(tmp_path):
    raw = table(tmp_path / 'raw', group=lambda i, label: label if label == 'fly' else '')
    refused(raw, 'group: expected two or more groups of every class')


def test_identical_bytes_in_two_given_splits(tmp_path):
    raw = folders(tmp_path / 'raw', 'train', 'test')
    shutil.copy(raw / 'train/fly/1.jpg', raw / 'test/fly/copy.jpg')
    refused(raw, r'duplicates\.json: expected no image in two splits, found the same bytes twice \(1, the first: '
                 r'test/fly/copy\.jpg \(test, fly\) = train/fly/1\.jpg \(train, fly\)\)')
    [listed] = tmp_path.rglob('duplicates.json')  # where the message says
    assert [row['splits'] for row in json_files.read(listed)] == [True]


def test_identical_bytes_under_two_labels(tmp_path):
    raw = folders(tmp_path / 'raw')
    shutil.copy(raw / 'fly/1.jpg', raw / 'cap/copy.jpg')
    refused(raw, r'duplicates\.json: expected one label for an image, found the same bytes twice')


def test_identical_bytes_are_drawn_into_one_split(tmp_path):
    raw = folders(tmp_path / 'raw', each=10)
    for number in range(1, 8):
        shutil.copy(raw / f'fly/{number}.jpg', raw / f'fly/copy{number}.jpg')
    for seed in range(5):
        convert('own', raw, tmp_path / f'out{seed}', seed=seed)
        lines = [line.split(',') for line in (tmp_path / f'out{seed}/splits.csv').read_text().splitlines()[1:]]
        split = {file: split for file, _, split, _ in lines}
        assert all(split[f'fly/{number}.jpg'] == split[f'fly/copy{number}.jpg'] for number in range(1, 8))
        assert json_files.read(tmp_path / f'out{seed}/duplicates.json') == []


def test_duplicates_of_an_official_set_are_listed_and_strict_refuses(toy_birds_raw, tmp_path, capsys):
    raw = shutil.copytree(toy_birds_raw, tmp_path / 'raw') / 'CUB_200_2011'
    rows = [line.split()[1] for line in (raw / 'images.txt').read_text().splitlines()]
    shutil.copy(raw / 'images' / rows[0], raw / 'images' / rows[11])  # from train to test
    shutil.copy(raw / 'images' / rows[12], raw / 'images' / rows[1])  # another species
    convert('toy-birds', raw, tmp_path / 'out')
    listed = json_files.read(tmp_path / 'out/duplicates.json')
    assert [(row['splits'], row['labels'], [file['file'] for file in row['files']]) for row in listed] == [
        (True, False, [rows[0], rows[11]]), (False, True, [rows[1], rows[12]])]
    assert 'duplicates in two splits or under two labels: 2, the first' in capsys.readouterr().err
    with pytest.raises(InputError, match='expected no duplicate in two splits or under two labels'):
        convert('toy-birds', raw, tmp_path / 'out', strict=True)


@pytest.mark.parametrize(('each', 'message'), [
    (2, r'the classes: expected at least 3 images of every class \(train, val, test\), found 2 of cap, 2 of fly'),
    (0, None)])
def test_small_and_empty_classes(tmp_path, each, message):
    raw = folders(tmp_path / 'raw', each=each or 5)
    if each == 0:
        (raw / 'ghost').mkdir()
        (raw / 'ghost' / 'Thumbs.db').write_bytes(b'x')
        message = r'raw/ghost: expected images of every class, found an empty folder \(1 of 3 class folders are\)'
    refused(raw, message)


def test_a_class_the_list_does_not_know(tmp_path, toy_dogs_coco):
    pictures = layouts.of(toy_dogs_coco)
    layouts.yolo(pictures, tmp_path / 'yolo' / 'raw')
    label = sorted((tmp_path / 'yolo' / 'raw' / 'labels' / 'test').iterdir())[0]
    edit(label, '0 0.', '7 0.')
    refused(tmp_path / 'yolo' / 'raw', rf'{label.name}:1: expected a class from 0 to 2, found 7')
    layouts.coco_roboflow(pictures, tmp_path / 'coco' / 'raw')
    edit(tmp_path / 'coco/raw/test/_annotations.coco.json', '"category_id": 1,', '"category_id": 17,')
    refused(tmp_path / 'coco/raw', r'annotations, row 0, category_id: expected one of the 4 categories, found 17')


def test_missing_and_unlisted_images_are_counted(tmp_path, capsys):
    raw = table(tmp_path / 'raw')
    for name in ('3.jpg', '4.jpg'):
        (raw / name).rename(tmp_path / name)
    refused(raw, r'3\.jpg: expected an image \(it is in the lists\), found nothing \(2 of 10 are missing\)')
    for name in ('3.jpg', '4.jpg'):
        (tmp_path / name).rename(raw / name)
    for number in (11, 12, 13):
        picture(raw / f'{number}.PNG', number)
    for stray in ('.DS_Store', '._1.jpg', 'Thumbs.db', 'notes.txt'):
        (raw / stray).write_text('x')
    refused(raw, r'raw: expected a row or a folder with a class for every image, found 3 images without one; the '
                 r'first is 11\.PNG')
    convert('own', raw, tmp_path / 'out', subset=True)
    assert 'left out, as nothing gives them a class: 3 images without one; the first is 11.PNG' in (
        capsys.readouterr().out)
    assert sum(len(part.images) for part in coco.read_splits(tmp_path / 'out').values()) == 10


@pytest.mark.parametrize(('name', 'kind'), [('x.HEIC', 'HEIC'), ('x.tif', 'TIFF'), ('x.CR2', 'RAW'), ('x.dng', 'RAW')])
def test_other_formats_are_named(tmp_path, name, kind):
    raw = folders(tmp_path / 'raw')
    (raw / 'fly' / name).write_bytes(b'x')
    refused(raw, rf'fly/{name}: expected JPEG, PNG, WebP, GIF or BMP, found 1 {kind} image\n.*convert them to JPEG')
    raw = table(tmp_path / 'table' / 'raw')
    with (raw / 'metadata.csv').open('a') as stream:
        stream.write(f'{name},fly\n')
    refused(raw, rf'{name}: expected JPEG, PNG, WebP, GIF or BMP, found 1 {kind} image')


@pytest.mark.parametrize('row', ['0 0.5 1.2 0.1 0.1', '0 30 20 10 10', '0 0.5 -0.4 0.1 0.1', '0 nan 0.5 0.1 0.1'])
def test_yolo_numbers_above_one(tmp_path, toy_dogs_coco, row):
    layouts.yolo(layouts.of(toy_dogs_coco), tmp_path / 'raw')
    label = sorted((tmp_path / 'raw' / 'labels' / 'val').iterdir())[0]
    label.write_text(row + '\n')
    refused(tmp_path / 'raw', f"{label.name}:1: expected shares of the image, from 0 to 1, found '{row}'")


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('"5.jpg","fly"', '"5.jpg","fly","x"', r'metadata\.csv:6: expected 2 cells, as in the heading, found 3'),
    ('"5.jpg","fly"', '"5.jpg",""', r'metadata\.csv:6, label: expected a class, found nothing'),
    ('"5.jpg","fly"', '"../5.jpg","fly"', r'metadata\.csv:6: expected a path below the image folder'),
    ('"5.jpg","fly"', '"5.jpg","a/b"', r"metadata\.csv: expected class names that a folder can have, found 'a/b'"),
    ('file_name', 'filename', r'metadata\.csv: expected the columns file_name, label, split, group, bbox'),
    ('file_name,label', 'file_name,file_name', r'metadata\.csv:1: expected every column once'),
])
def test_wrong_tables_are_named(tmp_path, old, new, message):
    raw = table(tmp_path / 'raw')
    edit(raw / 'metadata.csv', old, new)
    refused(raw, message)


def test_a_split_column_with_gaps_or_strange_words(tmp_path):
    raw = table(tmp_path / 'raw', split=lambda i, label: 'train' if i < 9 else '')
    refused(raw, r'split: expected a split for every image, or for none, found none for 2 of 10, .* 9\.jpg')
    raw = table(tmp_path / 'b' / 'raw', split=lambda i, label: 'holdout')
    refused(raw, r'metadata\.csv:2, split: expected train, val or test, found holdout')
    raw = table(tmp_path / 'c' / 'raw', split=lambda i, label: 'test')
    refused(raw, r'split: expected training images, found only test')


def test_a_split_that_is_damaged_as_a_whole_says_why_and_where(dogs, tmp_path):
    for number in (1, 2, 3):
        for folder in ('n01-Alpha/n01', 'n02-Beta/n02'):
            edit(dogs / 'Annotation' / f'{folder}_{number}', '<width>100<', '<width>wide<')
    with pytest.raises(InputError, match='expected an undamaged image in every split, found none in train') as raised:
        convert('dogs', dogs, tmp_path / 'out')
    assert "the first is n01-Alpha/n01_1.jpg: expected one whole number" in raised.value.parts['remedy']
    assert len(json_files.read(raised.value.parts['where'])['quarantined']) == 6


def test_annotations_of_one_class_alone(tmp_path, toy_dogs_coco):
    """As of a detector: every animal is an animal."""
    layouts.voc([picture._replace(label='animal') for picture in layouts.of(toy_dogs_coco)], tmp_path / 'raw')
    refused(tmp_path / 'raw', 'the classes: expected two classes or more, found animal alone')


def test_a_name_that_is_no_text(tmp_path):
    raw = folders(tmp_path / 'raw')
    os.rename(raw / 'fly/1.jpg', os.fsencode(raw / 'fly') + b'/\xe9.jpg')
    refused(raw, r'raw/fly: expected a path below the image folder, found .* \(characters that are no text\)')


def test_train_and_val_without_test(tmp_path):
    """As many YOLO sets are: test is drawn from train, val stays."""
    raw = folders(tmp_path / 'raw', 'train', 'val', each=10)
    convert('own', raw, tmp_path / 'out')
    counts = {split: len(part.images) for split, part in coco.read_splits(tmp_path / 'out').items()}
    assert counts == dict(train=16, val=20, test=4)
    val = coco.read(tmp_path / 'out/val.json').images.values()
    assert all(row['file_name'].startswith('val/') for row in val)


def test_yolo_names_are_text(tmp_path, toy_dogs_coco):
    """YAML reads ``no`` as False and ``01`` as 1."""
    layouts.yolo(layouts.of(toy_dogs_coco), tmp_path / 'raw')
    [path] = (tmp_path / 'raw').glob('*.yaml')
    path.write_text('names: [no, 01, 1, spare]\n')
    convert('own', tmp_path / 'raw', tmp_path / 'out')
    assert [row['name'] for row in json_files.read(tmp_path / 'out/train.json')['categories']] == [
        'no', '01', '1']


def test_width_and_height_exchanged(tmp_path, toy_dogs_coco):
    """Boxes of such an image were stretched, as if it had been scaled."""
    layouts.coco_roboflow(layouts.of(toy_dogs_coco), tmp_path / 'raw')
    path = tmp_path / 'raw' / 'train' / '_annotations.coco.json'
    content = json.loads(path.read_text())
    row = next(row for row in content['images'] if row['width'] != row['height'])
    row['width'], row['height'] = row['height'], row['width']
    path.write_text(json.dumps(content))
    convert('own', tmp_path / 'raw', tmp_path / 'out', max_bad=1)
    [left] = json_files.read(tmp_path / 'out/quarantine.json')['quarantined']
    assert left['file'].endswith(row['file_name']) and 'width and height exchanged' in left['reason']
