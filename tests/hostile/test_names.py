"""Names of images and classes that become paths: in lists, COCO files, archives and raw folders."""
from __future__ import annotations

import json
import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from data_converters.convert import convert
from data_converters.convert import main as convert_main
from data_converters.records import official_file
from pipelines.core import coco, json_files, lineage
from pipelines.core.errors import InputError
from pipelines.crop import crop, parse_boxes
from tests.hostile.test_archives import ended, files, member

BAD = {
    'up': '../x.jpg', 'up further': '../../../etc/passwd', 'up in the middle': 'a/../../x.jpg', 'up at the end': 'a/..',
    'up and down': 'a/../a/x.jpg', 'absolute': '/etc/passwd', 'absolute twice': '//etc/passwd', 'here': './x.jpg',
    'here in the middle': 'a/./x.jpg', 'empty part': 'a//x.jpg', 'a folder': 'a/', 'nothing': '', 'a dot': '.',
    'NUL': 'a/x\0.jpg', 'NUL, then up': 'x.jpg\0/../..', 'newline': 'a/x\n.jpg', 'escape': 'a/\x1b[2Jx.jpg',
    'C1 control': 'a/x\x85.jpg', 'backslash': 'a\\x.jpg', 'backslashes up': '..\\..\\x.jpg', 'drive': 'C:\\x.jpg',
    'drive with slashes': 'C:/x.jpg', 'drive-relative': 'c:x.jpg', 'server': '\\\\server\\x.jpg',
    'half a character': 'a/\ud83d.jpg', 'too long a part': f'a/{"x" * 300}.jpg',
    'too long in bytes': f'a/{"é" * 130}.jpg', 'too long in all': '/'.join('x' * 99 for _ in range(50)),
}
ODD = ['%s.jpg', '%s%n %d.jpg', 'a b.jpg', 'é.jpg', unicodedata.normalize('NFD', 'ö.jpg'), '犬.jpg', '🐕.jpg',
       '-rf.jpg', '~.jpg', '$HOME.jpg', '`id`.jpg', "it's \"x\".jpg", '*?[x].jpg', 'a;b&c|d.jpg', '..x.jpg', 'x..jpg',
       '#1.jpg', 'a=b,c.jpg', '<b>.jpg', 'day:night.jpg', '{x}.jpg', 'CON.jpg', 'n' * 230 + '.jpg']


def a_coco_file(path: Path, *names: str) -> Path:
    path.write_text(json.dumps(dict(
        images=[dict(id=i, file_name=name, width=9, height=9, category_id=1) for i, name in enumerate(names, start=1)],
        annotations=[], categories=[dict(id=1, name='x')])), encoding='utf-8')
    return path


def a_list(path: Path, *names: str, classes: tuple[str, ...] = ('x',)) -> Path:
    path.write_text(json.dumps(dict(metainfo=dict(classes=classes), data_list=[
        dict(img_path=name, gt_label=0, split='train', box_source='gt') for name in names])))
    return path


READERS = dict(official=lambda folder, name: official_file(name, 'images.txt:1'),
               coco=lambda folder, name: coco.read(a_coco_file(folder / 'x.json', name)),
               list=lambda folder, name: lineage.read_list(a_list(folder / 'x.json', name)))


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('name', BAD)
def test_a_name_that_could_lead_out_is_refused(tmp_path, name, reader):
    with pytest.raises(InputError):
        READERS[reader](tmp_path, BAD[name])


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('name', ODD)
def test_an_odd_name_is_read(tmp_path, name, reader):
    READERS[reader](tmp_path, f'{name[:-4][:200]}/{name}')


@pytest.mark.parametrize('names', [
    ('a.jpg', 'A.jpg'), ('a/x.jpg', 'A/x.jpg'), ('é.jpg', unicodedata.normalize('NFD', 'é.jpg')),
    ('straße.jpg', 'STRASSE.jpg'), ('x.jpg', 'x.png')])
def test_names_that_are_one_file_on_some_system_are_refused(tmp_path, names):
    with pytest.raises(InputError, match='every file name once'):
        coco.read(a_coco_file(tmp_path / 'x.json', *names))


@pytest.mark.parametrize('name', ['..', '.', '', 'a/b', '../../x', 'a\\b', 'x\0'])
def test_a_class_that_no_folder_can_be_named_after_is_refused(tmp_path, name):
    """Synthetic images lie in a folder of that name."""
    content = json.loads(a_coco_file(tmp_path / 'x.json', 'a.jpg').read_text())
    content['categories'][0]['name'] = name
    json_files.write(tmp_path / 'x.json', content)
    with pytest.raises(InputError, match='name: expected a name that a folder can have'):
        coco.read(tmp_path / 'x.json')
    with pytest.raises(InputError, match='class names that folders can have'):
        lineage.read_list(a_list(tmp_path / 'list.json', 'a.jpg', classes=(name,)))


def birds(root: Path, names: list[str], source: Path, classes: tuple[str, ...] = ('001.x',), tests: int = 1) -> Path:
    """CUB's layout, all of the first class; the images are copies of one, the last are for testing."""
    for name in names:
        path = root / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)
    for table, rows in dict(images=names, classes=classes, image_class_labels=[1] * len(names),
                            train_test_split=[1] * (len(names) - tests) + [0] * tests,
                            bounding_boxes=['5 5 40 30'] * len(names)).items():
        (root / f'{table}.txt').write_text(''.join(f'{i} {row}\n' for i, row in enumerate(rows, start=1)))
    return root


@pytest.fixture
def a_picture(toy_birds_raw) -> Path:
    return next(toy_birds_raw.rglob('*.jpg'))


def test_odd_names_go_through_convert_and_crop(tmp_path, a_picture):
    names = [f'001.{name[:-4][:200]}/{name}' for name in ODD]
    convert('cub', birds(tmp_path / 'raw', names, a_picture), tmp_path / 'convert')
    crop(tmp_path / 'convert', tmp_path / 'crop', by_split=parse_boxes('gt'), size=32)
    rows = [row for split in coco.SPLITS for row in lineage.read_list(tmp_path / 'crop' / f'box_{split}.json')[1]]
    assert {row['img_path'] for row in rows} == {f'box/{name}' for name in names}
    assert all((tmp_path / 'crop' / row['img_path']).is_file() for row in rows) and len(rows) == len(ODD)


@pytest.mark.parametrize('name', ['001...', '001.a/b', '001.../../x'])
def test_convert_refuses_such_a_class(tmp_path, a_picture, name):
    with pytest.raises(InputError):
        convert('cub', birds(tmp_path / 'raw', ['a/1.jpg', 'a/2.jpg', 'a/3.jpg'], a_picture, classes=(name,)),
                tmp_path / 'convert')


def place(kind: str, folder: Path, outside: Path) -> None:
    """Something in the place of folder/a/1.jpg that is no file below folder."""
    file = folder / 'a' / '1.jpg'
    file.unlink()
    if kind == 'pipe':
        os.mkfifo(file)
    elif kind == 'folder outside':
        shutil.copytree(folder / 'a', outside / 'a')
        shutil.copy(outside / 'x.jpg', outside / 'a' / '1.jpg')
        shutil.rmtree(folder / 'a')
        (folder / 'a').symlink_to(outside / 'a')
    elif kind == 'folder around':
        shutil.copy(outside / 'x.jpg', file)
        (folder / 'a' / 'loop').symlink_to('..')
    else:
        file.symlink_to({'file outside': outside / 'x.jpg', 'relative outside': '../../../outside/x.jpg',
                         'through a link': folder / 'a' / '0.jpg', 'itself': file, 'nothing': 'gone',
                         'endless': '/dev/zero'}[kind])
        if kind == 'through a link':
            (folder / 'a' / '0.jpg').symlink_to(outside / 'x.jpg')


@pytest.mark.parametrize('kind', ['file outside', 'relative outside', 'through a link', 'folder outside',
                                  'folder around'])
def test_links_of_ones_own_data_are_followed(tmp_path, a_picture, kind):
    """DVC and datalad keep the files elsewhere. Archives, which come from strangers, may hold no link."""
    raw, outside = birds(tmp_path / 'raw', ['a/1.jpg', 'a/2.jpg', 'a/3.jpg'], a_picture), tmp_path / 'outside'
    outside.mkdir()
    shutil.copy(a_picture, outside / 'x.jpg')
    place(kind, raw / 'images', outside)
    assert convert_main(['--dataset', 'cub', '--raw', str(raw), '--out', str(tmp_path / 'out')]) == 0
    assert crop(tmp_path / 'out', tmp_path / 'crop', by_split=parse_boxes('gt'), size=32)
    (raw / 'images' / 'notes.txt').write_text('beside the images, and in no list')
    assert not crop(tmp_path / 'out', tmp_path / 'crop', by_split=parse_boxes('gt'), size=32)
    Image.new('RGB', Image.open(raw / 'images' / 'a' / '1.jpg').size, 'red').save(
        (raw / 'images' / 'a' / '1.jpg').resolve())  # what a link leads to counts
    assert crop(tmp_path / 'out', tmp_path / 'crop', by_split=parse_boxes('gt'), size=32)


@pytest.mark.parametrize('kind', ['itself', 'nothing', 'endless', 'pipe'])
def test_what_is_no_file_is_refused(tmp_path, a_picture, capsys, kind):
    raw, outside = birds(tmp_path / 'raw', ['a/1.jpg', 'a/2.jpg', 'a/3.jpg'], a_picture), tmp_path / 'outside'
    outside.mkdir()
    shutil.copy(a_picture, outside / 'x.jpg')
    place(kind, raw / 'images', outside)
    assert convert_main(['--dataset', 'cub', '--raw', str(raw), '--out', str(tmp_path / 'out')]) == 2
    assert len([line for line in capsys.readouterr().err.splitlines() if line.startswith(('error', '  remedy'))]) == 2
    assert not (tmp_path / 'out').exists()


def test_links_that_stay_inside_are_followed(tmp_path, a_picture):
    raw = birds(tmp_path / 'real', ['a/1.jpg', 'a/2.jpg', 'a/3.jpg'], a_picture)
    (raw / 'images' / 'a' / '2.jpg').unlink()
    (raw / 'images' / 'a' / '2.jpg').symlink_to('1.jpg')
    (tmp_path / 'raw').symlink_to('real')  # RAW itself may be a link
    assert convert('cub', tmp_path / 'raw', tmp_path / 'convert')
    assert sum(len(coco.read(tmp_path / 'convert' / f'{split}.json').images) for split in coco.SPLITS) == 3


def test_an_archive_with_odd_names_stays_below_its_folder(tmp_path):
    from data_converters.archives import unpack

    (tmp_path / 'a.tar').write_bytes(ended(*(member(f'Images/{name}', name.encode()) for name in ODD)))
    unpack(tmp_path / 'a.tar', tmp_path / 'into')
    assert files(tmp_path / 'into') == {f'Images/{name}': name.encode() for name in ODD}
