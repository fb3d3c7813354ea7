"""What is wrong with raw data: named, quarantined, or refused."""
from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from data_converters.convert import convert, main
from pipelines.core.errors import InputError
from tests.raw_data import XML, files_of, jpeg, objects, read

ONE = 'n01-Alpha/n01_3.jpg'


def remove(*paths: str):
    def damage(root: Path) -> None:
        for path in paths:
            shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()
    return damage


def write(path: str, text: str):
    return lambda root: (root / path).write_text(text)


def cut(path: str):
    return lambda root: (root / path).write_bytes((root / path).read_bytes()[:-40])


def test_one_image_in_two_rows_is_refused(birds, tmp_path):
    """The second row would put a training image into test."""
    (birds / 'images.txt').write_text((birds / 'images.txt').read_text().replace('001.Red_bird/c.jpg',
                                                                                 '001.Red_bird/a.jpg'))
    with pytest.raises(InputError, match=r'expected every image once, whatever its extension, '
                       r'found 001.Red_bird/a.jpg \(image 3, test, '
                                         r'Red_bird\) after 001.Red_bird/a.jpg \(image 1, train, Red_bird\)'):
        convert('cub', birds, tmp_path / 'out')


@pytest.mark.parametrize(('damage', 'message'), [
    (remove('Images'), r'expected Annotation, lists, Images \(or the archives .*\), found no Images\n.*remedy: unpack'),
    (remove('lists/test_list.mat'), r'lists/test_list\.mat: expected the official list, found nothing'),
    (remove('Annotation/n01-Alpha/n01_2'), 'n01-Alpha/n01_2: expected the annotation of an image in the lists, found '
                                           'nothing'),
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


@pytest.mark.parametrize(('damage', 'reason'), [
    (write('Annotation/n01-Alpha/n01_3', '<annotation>\n<size>'), 'expected well-formed XML'),
    (write('Annotation/n01-Alpha/n01_3', XML.format(100, 80, '')), 'expected a size and at least one object'),
    (write('Annotation/n01-Alpha/n01_3', XML.format(100, 'x', objects((0, 0, 9, 9)))),
     'expected one whole number of up to 6 digits'),
    (write('Annotation/n01-Alpha/n01_3', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
     'expected XML without DTD and entities'),
    (write(f'Images/{ONE}', 'no'), 'found nothing that begins as JPEG, PNG, GIF, BMP, WEBP does'),
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
    assert 'expected at most 10 % of the images damaged, found 1 of 6' in capsys.readouterr().err
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


def test_a_link_out_of_the_raw_folder_is_followed(dogs, tmp_path):
    """As DVC and datalad lay data out; what is hashed is the file that it leads to."""
    convert('dogs', dogs, tmp_path / 'plain')
    (dogs / 'Images' / ONE).rename(tmp_path / 'cache.jpg')
    (dogs / 'Images' / ONE).symlink_to(tmp_path / 'cache.jpg')
    convert('dogs', dogs, tmp_path / 'out')
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'plain')
    jpeg(tmp_path / 'cache.jpg', (50, 40))
    assert convert('dogs', dogs, tmp_path / 'out')
    (tmp_path / 'cache.jpg').unlink()
    with pytest.raises(InputError, match=r'n01_3\.jpg: expected an image .*, found a link to nothing \(.*cache.jpg\) '
                                         r'\(1 of 6 are missing\)'):
        convert('dogs', dogs, tmp_path / 'out')


@pytest.mark.parametrize(('damage', 'message'), [
    (remove('images'), 'CUB_200_2011: expected .*, found no images'),
    (remove('classes.txt'), r'found no classes\.txt'),
    (remove('images/002.Tit/d.jpg'), r'002\.Tit/d\.jpg: expected an image \(it is in the lists\), found nothing'),
    (write('bounding_boxes.txt', '1 5 6 20 10\n2 5 6 20\n'), r'bounding_boxes\.txt:2: expected a new id and 4 values'),
    (write('bounding_boxes.txt', '1 5 6 nan 10\n'), r'bounding_boxes\.txt:1: expected'),
    (write('train_test_split.txt', '1 1\n2 1\n3 0\n4 1\n'), r'train_test_split\.txt: .* found no row for image 5'),
    (write('train_test_split.txt', '1 1\n2 1\n3 0\n4 1\n5 2\n6 1\n'), r'split\.txt:5: expected 0 \(test\) or 1'),
    (write('image_class_labels.txt', '1 1\n2 1\n3 1\n4 2\n5 9\n6 2\n'), r':5: expected a class from 1 to 2, found 9'),
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
    for name in ('two words', '../up', '', '.hidden', '-x'):
        with pytest.raises(InputError, match='--dataset: expected a word of letters'):
            convert(name, dogs, tmp_path / 'out')
    with pytest.raises(InputError, match='--super: expected a word of letters'):
        convert('cats', dogs, tmp_path / 'out', species='big cat')
    with pytest.raises(InputError, match='--layout: expected stanford-dogs, .*, found cats'):
        convert('cats', dogs, tmp_path / 'out', layout='cats')
    with pytest.raises(InputError, match='--box-frame: expected shown or stored, found turned'):
        convert('cats', dogs, tmp_path / 'out', box_frame='turned')
    with pytest.raises(InputError, match='--val-share: expected a share above 0, up to 0.5, found 0.9'):
        convert('dogs', dogs, tmp_path / 'out', val_share=0.9)
    with pytest.raises(InputError, match='nowhere: expected the folder of the raw dataset, found nothing'):
        convert('dogs', tmp_path / 'nowhere', tmp_path / 'out')
