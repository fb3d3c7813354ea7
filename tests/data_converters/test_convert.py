from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scipy.io import loadmat

from data_converters import convert as module
from data_converters.convert import convert
from data_converters.splits import hold_out
from pipelines.core.errors import InputError
from pipelines.core.shards import Engine
from tests.raw_data import files_of, jpeg, read

SHARED = Path(__file__).resolve().parents[2] / '../shared/data'


def test_dog_boxes_to_the_pixel(dogs, tmp_path):
    convert('dogs', dogs, tmp_path / 'out')
    test = COCO(str(tmp_path / 'out' / 'test.json'))
    by_file = {image['file_name']: [row['bbox'] for row in test.imgToAnns[i]] for i, image in test.imgs.items()}
    # inclusive 0..9 is 10 pixels wide; the one that leaves the 100 x 80 image is cut, the one beside it dropped
    assert by_file == {'n01-Alpha/n01_3.jpg': [[0, 0, 10, 10], [50, 40, 50, 40]],
                       'n02-Beta/n02_3.jpg': [[90, 70, 10, 10]]}
    train = read(tmp_path / 'out' / 'train.json')
    assert [row['bbox'] for row in train['annotations']] == [[10, 20, 30, 40]] * 2
    assert [row['area'] for row in train['annotations']] == [1200] * 2
    assert train['categories'] == [dict(id=1, name='Alpha', supercategory='dog', wnid='n01'),
                                   dict(id=2, name='Beta', supercategory='dog', wnid='n02')]
    sizes = [(row['category_id'], row['width'], row['height']) for row in train['images']]
    assert sizes == [(1, 100, 80), (2, 100, 80)]
    assert (tmp_path / 'out' / 'images' / 'n01-Alpha' / 'n01_1.jpg').is_file()


def test_the_summary_counts(dogs, tmp_path, capsys):
    convert('dogs', dogs, tmp_path / 'out')
    summary = read(tmp_path / 'out' / 'summary.json')
    assert summary['splits']['test'] == dict(images=2, boxes=3, boxes_annotated=4, multi_object=2, clipped=1,
                                             dropped_boxes=1, quarantined=0)
    assert summary['splits']['val']['images'] == 2 and summary['classes'] == 2
    assert summary['dropped'] == [dict(file='Annotation/n02-Beta/n02_3', reason=(
        'box [100.0, 0.0, 111.0, 21.0] (xyxy) has no area inside the 100 x 80 image'))]
    assert (tmp_path / 'out' / 'summary.txt').read_text() in capsys.readouterr().out


def test_bird_boxes_to_the_pixel(birds, tmp_path):
    convert('cub', birds.parent, tmp_path / 'out')  # RAW may be the folder that CUB_200_2011 is in
    test, train, val = (read(tmp_path / 'out' / f'{split}.json') for split in ('test', 'train', 'val'))
    assert test['annotations'][0]['bbox'] == [50.5, 0, 9.5, 10]
    assert test['images'] == [dict(id=3, file_name='001.Red_bird/c.jpg', width=60, height=40, category_id=1),
                              dict(id=6, file_name='002.Tit/f.jpg', width=60, height=40, category_id=2)]
    assert sorted(row['id'] for row in train['images'] + val['images']) == [1, 2, 4, 5]
    assert {row['category_id'] for row in val['images']} == {1, 2}
    assert test['categories'] == [dict(id=1, name='Red_bird', supercategory='bird'),
                                  dict(id=2, name='Tit', supercategory='bird')]


def test_the_same_bytes_again_and_from_elsewhere(dogs, tmp_path):
    convert('dogs', dogs, tmp_path / 'first')
    convert('dogs', shutil.copytree(dogs, tmp_path / 'moved' / 'raw'), tmp_path / 'moved' / 'second')
    assert files_of(tmp_path / 'first') == files_of(tmp_path / 'moved' / 'second')


def test_current_results_are_kept_and_a_changed_byte_converts_again(dogs, tmp_path, capsys):
    assert convert('dogs', dogs, tmp_path / 'out')
    assert not convert('dogs', dogs, tmp_path / 'out')
    assert '[convert] up to date' in capsys.readouterr().out
    xml = dogs / 'Annotation' / 'n01-Alpha' / 'n01_1'
    xml.write_text(xml.read_text().replace('<xmin>10<', '<xmin>11<'))
    assert convert('dogs', dogs, tmp_path / 'out')


def test_moved_raw_data_are_linked_again(dogs, tmp_path):
    convert('dogs', dogs, tmp_path / 'out')
    dogs.rename(tmp_path / 'moved')
    assert not convert('dogs', tmp_path / 'moved', tmp_path / 'out')
    assert (tmp_path / 'out' / 'images').resolve() == tmp_path / 'moved' / 'Images'


def test_an_image_of_another_size_than_its_xml_says(dogs, tmp_path):
    jpeg(dogs / 'Images' / 'n01-Alpha' / 'n01_3.jpg', (50, 40))
    convert('dogs', dogs, tmp_path / 'out')
    test = read(tmp_path / 'out' / 'test.json')
    assert [row['bbox'] for row in test['annotations'][:2]] == [[0, 0, 5, 5], [25, 20, 25, 20]]
    assert read(tmp_path / 'out' / 'summary.json')['rescaled'] == [
        'n01-Alpha/n01_3.jpg: 50 x 40 pixels, 100 x 80 in the XML']


def test_archives_equal_the_unpacked_folder(dogs, birds, tmp_path):
    raw = tmp_path / 'archives'
    raw.mkdir()
    for name, members in dict(images=['Images'], annotation=['Annotation']).items():
        with tarfile.open(raw / f'{name}.tar', 'w') as tar:
            for member in members:
                tar.add(dogs / member, member)
    with tarfile.open(raw / 'lists.tar', 'w') as tar:  # the official one has no folder in it
        for path in (dogs / 'lists').iterdir():
            tar.add(path, path.name)
    with tarfile.open(raw / 'CUB_200_2011.tgz', 'w:gz') as tar:
        tar.add(birds, 'CUB_200_2011')
    for dataset, unpacked in (('dogs', dogs), ('cub', birds)):
        convert(dataset, unpacked, tmp_path / 'unpacked' / dataset)
        convert(dataset, raw, tmp_path / 'packed' / dataset)
        for name in ('train.json', 'val.json', 'test.json', 'summary.json'):
            unpacked, packed = (tmp_path / way / dataset / name for way in ('unpacked', 'packed'))
            assert unpacked.read_bytes() == packed.read_bytes()
        link = tmp_path / 'packed' / dataset / 'images'
        assert link.is_dir() and (tmp_path / 'packed' / dataset / 'raw') in link.resolve().parents


def test_annotation_only(dogs, birds, tmp_path):
    shutil.rmtree(dogs / 'Images')
    convert('dogs', dogs, tmp_path / 'out', annotation_only=True)
    assert read(tmp_path / 'out' / 'summary.json')['annotation_only'] is True
    assert not (tmp_path / 'out' / 'images').is_symlink()
    with pytest.raises(InputError, match='--annotation-only: .* CUB-200-2011, whose sizes are only in the images'):
        convert('cub', birds, tmp_path / 'cub', annotation_only=True)


def test_val_is_stratified_and_repeatable():
    labels, test = np.array([*(i % 3 for i in range(90)), 3, 3]), np.zeros(92, bool)
    splits = hold_out(labels, test, 0.2, 0)
    assert np.bincount(labels[splits == 'val']).tolist() == [6, 6, 6, 1]
    assert np.bincount(labels[splits == 'train']).tolist() == [24, 24, 24, 1]
    # RandomState's stream is frozen, so these hold on every platform and version
    first_six = [6, 16, 19, 25, 30, 38]
    assert np.flatnonzero(splits == 'val')[:6].tolist() == first_six
    assert np.flatnonzero(hold_out(labels, test, 0.2, 1) == 'val')[:6].tolist() != first_six
    with pytest.raises(InputError, match='at least 2 training images of every class, found 1 of class 4'):
        hold_out(labels[:91], test[:91], 0.2, 0)


def test_classes_without_an_image_are_left_out_and_counted(birds, tmp_path, capsys):
    with (birds / 'classes.txt').open('a') as stream:
        stream.write('3 003.Ghost\n')
    convert('cub', birds, tmp_path / 'out')
    assert [row['name'] for row in read(tmp_path / 'out/train.json')['categories']] == ['Red_bird', 'Tit']
    assert '1 of 3 classes have no image and are left out' in capsys.readouterr().out


def test_a_linked_image_folder_is_followed(dogs, tmp_path):
    (dogs / 'Images').rename(tmp_path / 'elsewhere')
    (dogs / 'Images').symlink_to(tmp_path / 'elsewhere')
    assert convert('dogs', dogs, tmp_path / 'out')


@pytest.mark.parametrize('size', [1, 2, 100])
def test_shards_and_workers_change_no_byte(toy_dogs_raw, tmp_path, monkeypatch, size):
    convert('toy-dogs', toy_dogs_raw, tmp_path / 'once')
    monkeypatch.setattr(module, '_SHARD', size)
    convert('toy-dogs', toy_dogs_raw, tmp_path / 'out', engine=Engine(2 if size == 100 else 1))
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'once')


def test_pillow_keeps_its_guard(toy_dogs_coco):
    limit = Image.MAX_IMAGE_PIXELS
    module.to_coco([], [])
    assert limit is not None and Image.MAX_IMAGE_PIXELS == limit


def test_toy_birds_give_back_what_was_drawn(toy_birds_raw, toy_birds_coco):
    lines = (toy_birds_raw / 'CUB_200_2011' / 'bounding_boxes.txt').read_text().splitlines()
    drawn = {int(line.split()[0]): [float(cell) for cell in line.split()[1:]] for line in lines}
    found = {}
    for split in ('train', 'val', 'test'):
        content = read(toy_birds_coco / f'{split}.json')
        found |= {row['image_id']: row['bbox'] for row in content['annotations']}
    assert found == drawn


def test_toy_dogs_keep_official_train_and_test(toy_dogs_raw, toy_dogs_coco):
    files = {split: {row['file_name'] for row in read(toy_dogs_coco / f'{split}.json')['images']}
             for split in ('train', 'val', 'test')}
    lists = {split: loadmat(toy_dogs_raw / 'lists' / f'{split}_list.mat')['file_list'] for split in ('train', 'test')}
    official = {split: {cell.item() for cell in rows.ravel()} for split, rows in lists.items()}
    assert files['train'] | files['val'] == official['train'] and files['test'] == official['test']
    assert not files['train'] & files['val'] and len(files['val']) == 3


@pytest.mark.mm
@pytest.mark.skipif(not SHARED.is_dir(), reason='the real annotations (../shared/data) are not here')
def test_the_complete_stanford_dogs_annotation(tmp_path):
    convert('dogs', SHARED / 'full_annotations', tmp_path / 'out', annotation_only=True)
    summary = read(tmp_path / 'out' / 'summary.json')
    counts = summary['splits']
    assert sum(row['images'] for row in counts.values()) == 20580
    assert sum(row['boxes_annotated'] for row in counts.values()) == 22126
    assert sum(row['multi_object'] for row in counts.values()) == 1358
    assert sum(row['clipped'] for row in counts.values()) == 2
    assert (counts['train']['images'] + counts['val']['images'], counts['test']['images']) == (12000, 8580)
    assert summary['classes'] == 120 and read(tmp_path / 'out' / 'val.json')['categories'][0]['name'] == 'Chihuahua'
