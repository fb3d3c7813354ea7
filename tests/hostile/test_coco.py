"""COCO files and detections with one thing wrong: refused, or harmless for a stated reason."""
from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipelines.core import coco, images
from pipelines.core.errors import InputError
from pipelines.crop import main as crop_main
from tests.hostile import FULL

SPLITS = ('train', 'val', 'test')
DELETED = object()
HUGE = 1 << 70
VALUES = {'deleted': DELETED, 'null': None, 'true': True, 'text': 'x', '"1"': '1', '[]': [], '{}': {}, '-1': -1, '0': 0,
          '1.5': 1.5, 'NaN': float('nan'), 'Infinity': float('inf'), '2^70': HUGE, '[[1]]': [[1]]}
FIELDS = {'images': ('id', 'file_name', 'width', 'height', 'category_id'),
          'annotations': ('id', 'image_id', 'category_id', 'bbox', *(f'bbox.{i}' for i in range(4)), 'area', 'iscrowd'),
          'categories': ('id', 'name', 'supercategory')}
_MISSING = 'such a file is not there, and the image is opened by crop (test_crop) and detect'
_FREE, _OPTIONAL, _BOX = 'names are free', 'optional; convert writes it', 'another box inside the image'
HARMLESS = {  # (field, value): why no reader can call it wrong
    **{('images.file_name', value): _MISSING for value in ('text', '"1"')},
    **{('categories.name', value): _FREE for value in ('text', '"1"')},
    **{('categories.supercategory', value): _FREE for value in ('text', '"1"')},
    ('categories.supercategory', 'deleted'): _OPTIONAL, ('annotations.area', 'deleted'): _OPTIONAL,
    ('annotations.iscrowd', 'deleted'): _OPTIONAL, ('annotations.iscrowd', '0'): 'nothing changed',
    **{(f'annotations.bbox.{i}', value): _BOX for i in (0, 1) for value in ('0', '1.5')},
}


def content() -> dict[str, dict]:
    """Three splits of two 40 x 30 images each, a box of 20 x 10 in each; train has a third image without a box."""
    splits = {}
    for number, split in enumerate(SPLITS):
        ids = [10 * number + i for i in (1, 2, 3)[:2 if number else 3]]
        splits[split] = dict(
            categories=[dict(id=i, name=name, supercategory='dog') for i, name in ((1, 'collie'), (2, 'pug'))],
            images=[dict(id=i, file_name=f'a/{i}.jpg', width=40, height=30, category_id=1 + i % 2) for i in ids],
            annotations=[dict(id=i + 1, image_id=i, category_id=1 + i % 2, bbox=[3, 4, 20, 10], area=200, iscrowd=0)
                         for i in ids[:2]])
    return splits


def _field(kind: str, field: str, value: object):
    """The second row's field becomes something else."""
    def change(splits):
        key, _, index = field.partition('.')
        row = splits['train'][kind][1]
        target, key = (row[key], int(index)) if index else (row, key)
        if value is DELETED:
            del target[key]
        else:
            target[key] = value
    return change


def _row(kind: str, number: int, **changes):
    return lambda splits: splits['train'][kind][number].update(changes)


def _all(kind: str, value):
    return lambda splits: splits['train'].update({kind: value})


STRUCTURE = {
    **{f'{kind} {name}': (_all(kind, value), None) for kind in FIELDS for name, value in (
        ('null', None), ('as an object', {'a': 1}), ('as text', 'x'), ('of null', [None]), ('of lists', [[]]))},
    **{f'no {kind}': (lambda splits, kind=kind: splits['train'].pop(kind), None) for kind in FIELDS},
    'no images in the list': (_all('images', []), None),
    'no categories in the list': (_all('categories', []), None),
    'no annotations in the list': (_all('annotations', []), 'images without a box are allowed; crop counts fallbacks'),
    'a list in place of the file': (lambda splits: splits.update(train=[splits['train']]), None),
    'null in place of the file': (lambda splits: splits.update(train=None), None),
    'an unknown key': (_all('licenses', []), 'COCO has more keys'),
    'an unknown key in a row': (_row('images', 0, flickr_url='x'), 'COCO has more keys'),
    'an image id twice': (_row('images', 1, id=1), None),
    'a file name twice': (_row('images', 1, file_name='a/1.jpg'), None),
    'a file name twice but for the extension': (_row('images', 1, file_name='a/1.png'), None),
    'a file name twice but for its case': (_row('images', 1, file_name='A/1.jpg'), None),
    'an image id of test': (_row('images', 2, id=21), None),
    'a file name of test': (_row('images', 1, file_name='a/21.jpg'), None),
    'a row twice': (lambda splits: splits['train']['images'].append(splits['train']['images'][0]), None),
    'an annotation twice': (lambda splits: splits['train']['annotations'].extend(splits['train']['annotations'][1:]),
                            None),
    'an annotation of an unknown image': (_row('annotations', 1, image_id=99), None),
    'an annotation of an image of test': (_row('annotations', 1, image_id=21), None),
    'a category id twice': (_row('categories', 1, id=1), None),
    'a category name twice': (_row('categories', 1, name='collie'), None),
    'an unknown category of an image': (_row('images', 1, category_id=3), None),
    'an unknown category of an animal': (_row('annotations', 1, category_id=3), None),
    'another category than the image\'s': (_row('annotations', 0, category_id=1), None),
    'a category that other splits have not': (
        lambda splits: splits['train']['categories'].append(dict(id=3, name='x', supercategory='dog')), None),
    'other names than in other splits': (_row('categories', 0, name='setter'), None),
    'names exchanged': (lambda splits: [row.update(name=name) for row, name in zip(
        splits['train']['categories'], ('pug', 'collie'))], None),
    'a path out': (_row('images', 1, file_name='../../secret.jpg'), None),
    'an absolute path': (_row('images', 1, file_name='/etc/passwd'), None),
    'a box outside': (_row('annotations', 1, bbox=[50, 4, 20, 10]), None),
    'a box half outside': (_row('annotations', 1, bbox=[30, 4, 20, 10]), None),
    'a box from -1': (_row('annotations', 1, bbox=[-1, 4, 20, 10]), None),
    'a box as xyxy': (_row('annotations', 1, bbox=[23, 14, 23, 24]), None),
    'a box without area': (_row('annotations', 1, bbox=[3, 4, 0, 10]), None),
    'an inverted box': (_row('annotations', 1, bbox=[23, 14, -20, -10]), None),
    'a box of text': (_row('annotations', 1, bbox=['3', '4', '20', '10']), None),
    'three numbers': (_row('annotations', 1, bbox=[3, 4, 20]), None),
    'five numbers': (_row('annotations', 1, bbox=[3, 4, 20, 10, 1]), None),
    'a box beyond floats': (_row('annotations', 1, bbox=[3, 4, 10 ** 400, 10]), None),
    'another area': (_row('annotations', 1, area=100), None),
    'a crowd': (_row('annotations', 1, iscrowd=1), None),
    'a size that cuts the box': (_row('images', 0, width=20), None),
    'another size': (_row('images', 0, width=50), 'crop compares it with the image (test_crop)'),
    'too large a size': (_row('images', 0, width=1 << 30), None),
}
CASES = STRUCTURE | {
    f'{kind}.{field} {name}': (_field(kind, field, value), HARMLESS.get((f'{kind}.{field}', name)))
    for kind, fields in FIELDS.items() for field in fields for name, value in VALUES.items()}
IN_CROP = [name for number, (name, (_, harmless)) in enumerate(CASES.items()) if not harmless
           and name != 'an annotation twice'  # crop looks at boxes alone: it takes the largest
           and (FULL or number % 5 == 0 or name in STRUCTURE)]
TEXTS = {  # of train.json
    **{f'cut after {share} %': lambda text, share=share: text[:share * len(text) // 100] for share in range(0, 100, 5)},
    'more after the end': lambda text: text + '{}', 'a comma at the end': lambda text: text.replace(']}', ',]}'),
    'a byte order mark': lambda text: '\ufeff' + text, 'UTF-16': lambda text: text.encode('utf-16'),
    'Latin-1': lambda text: text.replace('collie', 'é').encode('latin-1'),
    'NaN': lambda text: text.replace('200', 'NaN', 1), '1e999': lambda text: text.replace('20', '1e999', 1),
    'single quotes': lambda text: text.replace('"', "'"), 'a comment': lambda text: '// x\n' + text,
    'lists in lists': lambda text: '[' * 100_000, 'objects in objects': lambda text: '{"a":' * 100_000,
    'a NUL': lambda text: text.replace('collie', 'col\0lie'),
    'an open name': lambda text: text.replace('"collie"', '"'),
    'ten thousand digits': lambda text: text.replace('200', '9' * 10_000, 1),
    'a field twice': lambda text: text.replace('"width": 40', '"width": 41, "width": 40', 1),
    'a list twice': lambda text: text.replace('"images": [', '"images": [], "images": [', 1),
}


@pytest.fixture(scope='module')
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('pictures')
    (folder / 'a').mkdir()
    for rows in content().values():
        for row in rows['images']:
            (folder / row['file_name']).write_bytes(images.encode_jpeg(np.full((30, 40, 3), 99, np.uint8), 90))
    return folder


def write(folder: Path, splits: dict, pictures: Path) -> Path:
    folder.mkdir()
    for split, rows in splits.items():
        (folder / f'{split}.json').write_text(json.dumps(rows))
    (folder / 'images').symlink_to(pictures)
    return folder


def crop(folder: Path, *options: str) -> int:
    return crop_main(['--coco', str(folder), '--out', str(folder.parent / 'crop'), '--size', '8', '--workers', '1',
                      '--boxes', 'gt', *options])


def test_the_file_that_is_changed_below_is_read(tmp_path, pictures):
    folder = write(tmp_path / 'convert', content(), pictures)
    assert {split: len(part.images) for split, part in coco.read_splits(folder).items()} == dict(train=3, val=2, test=2)
    assert crop(folder) == 0


def test_there_are_as_many_as_asked_for():
    assert len(CASES) + len(TEXTS) >= 200 and len(HARMLESS) <= 20


@pytest.mark.parametrize('name', CASES)
def test_a_change_is_refused_or_harmless(tmp_path, pictures, name):
    splits = content()
    change, harmless = CASES[name]
    change(splits)
    if splits['train'] and isinstance(splits['train'], dict) and name.startswith('categories') and harmless:
        for split in SPLITS[1:]:
            splits[split]['categories'] = splits['train']['categories']
    folder = write(tmp_path / 'convert', splits, pictures)
    if harmless:
        assert len(coco.read_splits(folder)) == 3, harmless
    else:
        with pytest.raises(InputError, match=r'\.json') as raised:
            coco.read_splits(folder)
        assert len(str(raised.value)) < 600


@pytest.mark.parametrize('name', IN_CROP)
def test_crop_which_streams_sees_the_same(tmp_path, pictures, capsys, name):
    splits = content()
    CASES[name][0](splits)
    assert crop(write(tmp_path / 'convert', splits, pictures)) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith(('error', '  remedy'))]
    assert len(said) == 2
    assert not (tmp_path / 'crop').exists()


@pytest.mark.parametrize('name', TEXTS)
def test_a_changed_text_is_refused(tmp_path, pictures, capsys, name):
    folder = write(tmp_path / 'convert', content(), pictures)
    text = TEXTS[name]((folder / 'train.json').read_text())
    (folder / 'train.json').write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r'train\.json'):
        coco.read_splits(folder)
    tracemalloc.start()
    try:
        assert crop(folder) == 2
        assert tracemalloc.get_traced_memory()[1] < 100 << 20  # lists in lists take the square of their depth in ijson
    finally:
        tracemalloc.stop()


DETECTION = dict(image_id=21, category_id=1, bbox=[3, 4, 20, 10], score=0.5)
DETECTIONS = {
    **{f'{field} {name}': [DETECTION, {k: v for k, v in {**DETECTION, field: value}.items() if v is not DELETED}]
       for field in ('image_id', 'bbox', 'score') for name, value in VALUES.items() if (field, name) != ('score', '0')},
    **{f'bbox.{i} {name}': [dict(DETECTION, bbox=[value if i == j else v for j, v in enumerate(DETECTION['bbox'])])]
       for i in range(4) for name, value in VALUES.items() if name not in ('deleted', '0', '1.5')
       and (i > 1 or name != '-1')},
    'a score above 1': [dict(DETECTION, score=50)], 'a negative score': [dict(DETECTION, score=-0.1)],
    'an unknown image': [dict(DETECTION, image_id=4)], 'null': None, 'an object': {}, 'text': 'x',
    'an object of one': {'item': DETECTION}, 'of null': [None],
    'of lists': [[]], 'a category of text': [dict(DETECTION, category_id='1')],
}


@pytest.mark.parametrize('name', [name for number, name in enumerate(DETECTIONS) if FULL or number % 3 == 0])
def test_detections_are_refused(tmp_path, pictures, capsys, name):
    folder = write(tmp_path / 'convert', content(), pictures)
    (tmp_path / 'detections.json').write_text(json.dumps(DETECTIONS[name]))
    assert crop(folder, '--detections', str(tmp_path / 'detections.json'), '--boxes', 'test=det') == 2
    assert 'detections.json' in capsys.readouterr().err
