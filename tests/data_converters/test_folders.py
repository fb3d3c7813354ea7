"""What convert refuses or says of class folders."""
from __future__ import annotations

import shutil

from data_converters.convert import convert
from pipelines.core import json_files
from tests.data_converters.own_data import folders, picture, refused


def test_split_folders_with_other_classes(tmp_path):
    raw = folders(tmp_path / 'raw', 'train', 'test')
    (raw / 'test' / 'fly').rename(raw / 'test' / 'Fly')
    refused(raw, r'test: expected the class folders of train, found no fly; Fly, which train has not')


def test_two_folders_of_one_split(tmp_path):
    raw = folders(tmp_path / 'raw', 'train', 'val', 'valid')
    refused(raw, r'raw: expected one folder for val, found val and valid')


def test_images_beside_class_folders(tmp_path):
    raw = folders(tmp_path / 'raw')
    picture(raw / 'loose.jpg', 99)
    refused(raw, r'loose\.jpg: expected images in class folders alone, found 1 images beside the class folders')


def test_a_folder_beside_the_splits_that_is_none(tmp_path, capsys):
    """``dev`` is no name of a split here: its images were left out without a word."""
    raw = folders(tmp_path / 'raw', 'train', 'test')
    shutil.copytree(raw / 'test', raw / 'dev')
    refused(raw, r'raw: expected a row or a folder with a class for every image, found \d+ images without one; the '
                 r'first is dev/')
    convert('own', raw, tmp_path / 'out', subset=True)
    assert 'left out, as nothing gives them a class' in capsys.readouterr().out


def test_folders_in_class_folders_are_said(tmp_path, capsys):
    raw = folders(tmp_path / 'raw')
    (raw / 'dogs').mkdir()
    for name in ('cap', 'fly'):
        shutil.copytree(raw / name, raw / 'cats' / name)
        (raw / name).rename(raw / 'dogs' / name)
    for number, path in enumerate(sorted((raw / 'cats').rglob('*.jpg'))):
        picture(path, 100 + number)
    convert('own', raw, tmp_path / 'out')
    said = capsys.readouterr().out
    assert 'folders in class folders are not classes, their images are of the class above: cats/cap, cats/fly, ' in said
    assert 'own (class-folders): 2 classes, cats, dogs\n' in said


def test_a_class_that_is_named_like_a_split(tmp_path):
    raw = folders(tmp_path / 'raw')
    (raw / 'fly').rename(raw / 'train')
    refused(raw, r'expected class folders in train/, as it is named like a split, found none\n.*LAYOUT=class-folders')
    convert('own', raw, tmp_path / 'out', layout='class-folders')
    assert [row['name'] for row in json_files.read(tmp_path / 'out/train.json')['categories']] == ['cap', 'train']


def test_files_that_are_no_images_by_their_names_are_said(tmp_path, capsys):
    raw = folders(tmp_path / 'raw')
    for name in ('cap/IMG_0007', 'cap/notes.txt', 'fly/NOTES.TXT', 'fly/.DS_Store', 'fly/Thumbs.db'):
        (raw / name).write_bytes(b'x')
    convert('own', raw, tmp_path / 'out')
    assert ('files whose names are of no image are left out: 2 .txt, 1 without an extension (cap/IMG_0007, ...)\n'
            in capsys.readouterr().out)
