from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scipy.io import loadmat, savemat

from data_converters import convert as module
from data_converters.convert import convert, main
from data_converters.splits import hold_out
from pipelines.core.errors import InputError
from pipelines.core.shards import Engine

SHARED = Path(__file__).resolve().parents[2] / '../shared/data'
XML = """<annotation><folder>%s</folder><filename>%s</filename>
<size><width>{}</width><height>{}</height><depth>3</depth></size>
{}</annotation>"""


def objects(*boxes: tuple[int, int, int, int]) -> str:
    return ''.join('<object><name>x</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>'
                   '</object>'.format(*box) for box in boxes)


def jpeg(path: Path, size: tuple[int, int], mode: str = 'RGB') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    """Two breeds of two train images and a test image each, 100 x 80, with boxes written out below."""
    root, rows = tmp_path / 'dogs', {'train': [], 'test': []}
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


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    root = tmp_path / 'CUB_200_2011'
    names = ['001.Red_bird/a.jpg', '001.Red_bird/b.jpg', '001.Red_bird/c.jpg', '002.Tit/d.jpg', '002.Tit/e.jpg']
    for name in names:
        jpeg(root / 'images' / name, (60, 40), 'L' if name.endswith('b.jpg') else 'RGB')
    boxes = ['5.0 6.0 20.0 10.0', '5.0 6.0 20.0 10.0', '50.5 -2.0 20.0 12.0', '0.0 0.0 60.0 40.0', '0.0 0.0 60.0 40.0']
    for table, rows in dict(images=names, classes=['001.Red_bird', '002.Tit'], image_class_labels=[1, 1, 1, 2, 2],
                            train_test_split=[1, 1, 0, 1, 1], bounding_boxes=boxes).items():
        (root / f'{table}.txt').write_text(''.join(f'{i} {row}\n' for i, row in enumerate(rows, start=1)))
    return root


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


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
    assert test['images'] == [dict(id=3, file_name='001.Red_bird/c.jpg', width=60, height=40, category_id=1)]
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


def test_one_image_in_two_rows_is_refused(birds, tmp_path):
    """The second row would put a training image into test."""
    (birds / 'images.txt').write_text((birds / 'images.txt').read_text().replace('001.Red_bird/c.jpg',
                                                                                 '001.Red_bird/a.jpg'))
    with pytest.raises(InputError, match=r'expected every image once, found 001.Red_bird/a.jpg \(image 3, test\) after '
                                         r'001.Red_bird/a.jpg \(image 1, train\)'):
        convert('cub', birds, tmp_path / 'out')


def test_classes_without_an_image_are_left_out_and_counted(birds, tmp_path, capsys):
    with (birds / 'classes.txt').open('a') as stream:
        stream.write('3 003.Ghost\n')
    convert('cub', birds, tmp_path / 'out')
    assert [row['name'] for row in read(tmp_path / 'out/train.json')['categories']] == ['Red_bird', 'Tit']
    assert '1 of 3 classes have no image and are left out' in capsys.readouterr().out


def remove(*paths: str):
    def damage(root: Path) -> None:
        for path in paths:
            shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()
    return damage


def write(path: str, text: str):
    return lambda root: (root / path).write_text(text)


@pytest.mark.parametrize(('damage', 'message'), [
    (remove('Images'), r'expected Annotation, lists, Images \(or the archives .*\), found no Images\n.*remedy: unpack'),
    (remove('lists/test_list.mat'), r'lists/test_list\.mat: expected the official list, found nothing'),
    (remove('Annotation/n01-Alpha/n01_2'), 'n01-Alpha/n01_2: expected the XML of an image in the lists, found nothing'),
    (remove('Images/n01-Alpha/n01_2.jpg'), r'n01_2\.jpg: expected an image \(it is in the lists\), found nothing'),
    (remove('Images/n01-Alpha'), r'Images/n01-Alpha/n01_1\.jpg: expected an image'),
    (remove('Images', 'Annotation', 'lists'), 'dogs: expected Annotation, lists, Images .* found an empty folder'),
    (write('lists/train_list.mat', 'no'), r'train_list\.mat: expected a \.mat file'),
])
def test_what_is_wrong_with_dogs_is_named(dogs, tmp_path, capsys, damage, message):
    convert('dogs', dogs, tmp_path / 'out')
    before = files_of(tmp_path / 'out')
    damage(dogs)
    with pytest.raises(InputError, match=f'(?s){message}'):
        convert('dogs', dogs, tmp_path / 'out')
    capsys.readouterr()
    assert main(['--dataset', 'dogs', '--raw', str(dogs), '--out', str(tmp_path / 'out')]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith(('error', '  remedy'))]
    assert len(error) == 2
    assert files_of(tmp_path / 'out') == before


ONE = 'n01-Alpha/n01_3.jpg'


def cut(path: str):
    return lambda root: (root / path).write_bytes((root / path).read_bytes()[:-40])


@pytest.mark.parametrize(('damage', 'reason'), [
    (write('Annotation/n01-Alpha/n01_3', '<annotation>\n<size>'), 'expected well-formed XML'),
    (write('Annotation/n01-Alpha/n01_3', XML.format(100, 80, '')), 'expected a size and at least one object'),
    (write('Annotation/n01-Alpha/n01_3', XML.format(100, 'x', objects((0, 0, 9, 9)))),
     'expected one whole number of up to 6 digits'),
    (write('Annotation/n01-Alpha/n01_3', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
     'expected XML without DTD and entities'),
    (write(f'Images/{ONE}', 'no'), "found cannot identify image file 'Images/n01-Alpha/n01_3.jpg'"),
    (cut(f'Images/{ONE}'), 'expected an undamaged image'),
])
def test_a_damaged_image_is_left_out_and_listed(dogs, tmp_path, capsys, damage, reason):
    convert('dogs', dogs, tmp_path / 'whole')
    damage(dogs)
    arguments = ['--dataset', 'dogs', '--raw', str(dogs), '--out', str(tmp_path / 'out'), '--verify', '--max-bad']
    for _ in range(2):  # made, and up to date
        assert main([*arguments, '0.2']) == 0
        assert 'quarantined: 1 of 6 images' in capsys.readouterr().err
    rows = read(tmp_path / 'out/quarantine.json')
    assert rows['images'] == 6 and len(rows['quarantined']) == 1
    assert rows['quarantined'][0]['file'] == ONE and reason in rows['quarantined'][0]['reason']
    assert read(tmp_path / 'out/summary.json')['splits']['test']['quarantined'] == 1
    for name in ('train', 'val', 'test'):  # nothing else has changed
        whole, rest = (read(tmp_path / out / f'{name}.json')['images'] for out in ('whole', 'out'))
        assert rest == [row for row in whole if row['file_name'] != ONE]
    assert main([*arguments, '0.1']) == 3
    assert 'expected at most 10.000% of the images damaged, found 1 of 6' in capsys.readouterr().err
    assert main([*arguments, '0.2', '--strict']) == 2


def test_strict_stops_before_anything_is_written(dogs, tmp_path):
    cut(f'Images/{ONE}')(dogs)
    with pytest.raises(InputError, match=r'n01_3\.jpg: expected an undamaged image'):
        convert('dogs', dogs, tmp_path / 'out', verify=True, strict=True)
    assert not (tmp_path / 'out').exists()
    convert('dogs', dogs, tmp_path / 'out')  # headers alone show nothing
    assert read(tmp_path / 'out/quarantine.json')['quarantined'] == []


def test_a_class_without_an_undamaged_training_image_is_an_error(dogs, tmp_path):
    for number in (1, 2):
        cut(f'Images/n01-Alpha/n01_{number}.jpg')(dogs)
    with pytest.raises(InputError, match='an undamaged training image of every class, found none of Alpha'):
        convert('dogs', dogs, tmp_path / 'out', verify=True, max_bad=1)


def test_a_link_out_of_the_raw_folder_is_not_followed(dogs, tmp_path):
    jpeg(tmp_path / 'secret.jpg', (100, 80))
    (dogs / 'Images' / ONE).unlink()
    (dogs / 'Images' / ONE).symlink_to(tmp_path / 'secret.jpg')
    with pytest.raises(InputError, match=r'n01_3\.jpg: expected a file, found a link to .*secret'):
        convert('dogs', dogs, tmp_path / 'out')


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


@pytest.mark.parametrize(('damage', 'message'), [
    (remove('images'), 'CUB_200_2011: expected .*, found no images'),
    (remove('classes.txt'), r'found no classes\.txt'),
    (remove('images/002.Tit/d.jpg'), r'002\.Tit/d\.jpg: expected an image \(it is in images\.txt\), found nothing'),
    (write('bounding_boxes.txt', '1 5 6 20 10\n2 5 6 20\n'), r'bounding_boxes\.txt:2: expected a new id and 4 values'),
    (write('bounding_boxes.txt', '1 5 6 nan 10\n'), r'bounding_boxes\.txt:1: expected'),
    (write('train_test_split.txt', '1 1\n2 1\n3 0\n4 1\n'), r'train_test_split\.txt: .* found no row for image 5'),
    (write('train_test_split.txt', '1 1\n2 1\n3 0\n4 1\n5 2\n'), r'train_test_split\.txt:5: expected 0 \(test\) or 1'),
    (write('image_class_labels.txt', '1 1\n2 1\n3 1\n4 2\n5 9\n'), r'txt:5: expected a class from 1 to 2, found 9'),
    (write('images.txt', '1 ../secret.jpg\n'), r'images\.txt:1: expected a path below the image folder'),
    (write('images.txt', '1 a.jpg\n'), r'bounding_boxes\.txt:2: expected a row for every id'),
])
def test_what_is_wrong_with_birds_is_named(birds, tmp_path, damage, message):
    damage(birds)
    with pytest.raises(InputError, match=message):
        convert('cub', birds, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_a_list_cannot_lead_out_of_the_image_folder(birds, tmp_path):
    table = birds / 'images.txt'
    table.write_text(table.read_text().replace('001.Red_bird/a.jpg', '../../secret.jpg'))
    with pytest.raises(InputError, match=r'images\.txt:1: expected a path below the image folder'):
        convert('cub', birds, tmp_path / 'out')


@pytest.mark.parametrize('kind', ['link', 'outside', 'cut'])
def test_archives_are_not_trusted(dogs, tmp_path, kind):
    raw = tmp_path / 'archives'
    raw.mkdir()
    for name in ('images', 'annotation', 'lists'):
        with tarfile.open(raw / f'{name}.tar', 'w') as tar:
            tar.add(dogs / 'lists' / 'train_list.mat', 'train_list.mat')
            member = tarfile.TarInfo('Images/x' if kind == 'link' else '../../x')
            if kind == 'link':
                member.type, member.linkname = tarfile.SYMTYPE, '/etc/passwd'
            if kind != 'cut':
                tar.addfile(member)
        if kind == 'cut':
            data = (raw / f'{name}.tar').read_bytes()
            (raw / f'{name}.tar').write_bytes(data[:700])
    message = {'link': 'expected plain files and folders, found a link',
               'outside': r"expected paths inside the archive's own folder, found '../../x'",
               'cut': 'expected a whole tar archive'}[kind]
    with pytest.raises(InputError, match=message):
        convert('dogs', raw, tmp_path / 'out')
    assert not (tmp_path / 'out').exists() and not (tmp_path / 'x').exists()


def test_wrong_options_are_named(tmp_path, dogs):
    with pytest.raises(InputError, match='--dataset: expected dogs or cub or toy-dogs or toy-birds, found cats'):
        convert('cats', dogs, tmp_path / 'out')
    with pytest.raises(InputError, match='--val-share: expected a share above 0, up to 0.5, found 0.9'):
        convert('dogs', dogs, tmp_path / 'out', val_share=0.9)
    with pytest.raises(InputError, match='nowhere: expected the folder of the raw dataset, found nothing'):
        convert('dogs', tmp_path / 'nowhere', tmp_path / 'out')


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
