"""The official lists: .mat files of Stanford Dogs, text tables of CUB. A wrong row is named; a repair is counted."""
from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from data_converters import cub
from data_converters.stanford_dogs import _folders_in_order, _read_list
from pipelines.core.errors import InputError

FILES = ['n01-Alpha/n01_1.jpg', 'n01-Alpha/n01_2.jpg', 'n02-Beta/n02_1.jpg']


def mat(files=FILES, labels=(1, 1, 2), **options) -> bytes:
    """A list; a list of files becomes cells, a tuple of labels a column, and None is left out."""
    if isinstance(files, list):
        cells = np.empty((len(files), 1), object)
        cells[:, 0] = [np.array(file) if isinstance(file, list) else file for file in files]
        files = cells
    stream = io.BytesIO()
    content = dict(file_list=files, labels=np.array(labels)[:, None] if isinstance(labels, tuple) else labels)
    savemat(stream, {key: value for key, value in content.items() if value is not None}, **options)
    return stream.getvalue()


def second(file) -> bytes:
    return mat([FILES[0], file, FILES[2]])


def bomb() -> bytes:
    """A packed element of 64 MiB of zeros."""
    data = zlib.compress(bytes(1 << 26))
    return struct.pack('<II', 15, len(data)) + data


GOOD = mat()
NO_LIST, LABELS, SHAPE = 'a .mat file with file_list and labels', 'whole numbers as labels', '<wnid>-<breed>/<image>'
MATS = {
    'no file_list': (mat(files=None), NO_LIST),
    'no labels': (mat(labels=None), NO_LIST),
    'file_list of numbers': (mat(files=np.zeros((3, 1))), NO_LIST),
    'file_list of text': (mat(files='n01-Alpha/n01_1.jpg'), NO_LIST),
    'file_list of structures': (mat(files=dict(a=1)), NO_LIST),
    'labels of text': (mat(labels='112'), NO_LIST),
    'one label too few': (mat(labels=(1, 1)), 'one label per file, found 3 files, 2 labels'),
    'one label too many': (mat(labels=(1, 1, 2, 2)), 'one label per file, found 3 files, 4 labels'),
    'no rows': (mat([], ()), 'expected'),
    'half a label': (mat(labels=(1, 1.5, 2)), f'row 2: expected {LABELS}, found 1.5'),
    'NaN': (mat(labels=(1, np.nan, 2)), f'row 2: expected {LABELS}'),
    'infinity': (mat(labels=(1, np.inf, 2)), f'row 2: expected {LABELS}'),
    'beyond integers': (mat(labels=(1, 1e300, 2)), f'row 2: expected {LABELS}'),
    'complex labels': (mat(labels=(1, 1j, 2)), NO_LIST),
    'an image twice': (mat([*FILES[:2], FILES[0]]), f'row 3: expected every image once, found {FILES[0]}, as in row 1'),
    'a number for a name': (second(5), 'row 2: expected'),
    'an empty cell': (second(''), 'row 2: expected'),
    'two names in a cell': (second(['ab', 'cd']), 'row 2: expected'),
    'no folder': (second('a.jpg'), f'row 2: expected {SHAPE}, found a.jpg'),
    'two folders': (second('n01-Alpha/b/c.jpg'), f'row 2: expected {SHAPE}'),
    'no breed': (second('n01/n01-1.jpg'), f'row 2: expected {SHAPE}'),
    'an empty breed': (second('n01-/n01_1.jpg'), f'row 2: expected {SHAPE}'),
    'a path out': (second('../n01_2.jpg'), 'row 2: expected a path below the image folder'),
    'backslashes': (second('n01-Alpha\\n01_2.jpg'), 'row 2: expected a path below the image folder'),
    'version 7.3': (b'MATLAB 7.3 MAT-file'.ljust(124) + b'\0\2IM' + b'\x89HDF' + bytes(900), NO_LIST),
    'empty': (b'', NO_LIST), 'cut': (GOOD[:len(GOOD) // 2], NO_LIST), 'text': (b'hello', NO_LIST),
    'gzip': (gzip.compress(GOOD), NO_LIST), 'a bomb': (GOOD[:128] + bomb(), '100 times its size'),
    'labels twice': (GOOD + mat(files=None)[128:], 'labels twice'),
    'a shape that is not there': (GOOD.replace(b'\x03\0\0\0\x01\0\0\0', b'\xff\xff\xff\x7f\x01\0\0\0'), 'shape'),
}
ORDERS = {
    'a label for two breeds': ([('n1-a/1', 1), ('n2-b/1', 1)], 'label 1 for n2-b/1'),
    'a breed with two labels': ([('n1-a/1', 1), ('n1-a/2', 2)], 'label 2 for n1-a/2'),
    'a gap': ([('n1-a/1', 1), ('n2-b/1', 3)], 'label 3 of n2-b'),
    'from 0': ([('n1-a/1', 0), ('n2-b/1', 1)], 'label 0 of n1-a'),
    'negative': ([('n1-a/1', 1), ('n2-b/1', -2)], 'label -2 of n2-b'),
}


@pytest.mark.parametrize('name', MATS)
def test_a_wrong_mat_list_is_named_with_its_row(tmp_path, name):
    content, expected = MATS[name]
    (tmp_path / 'train_list.mat').write_bytes(content)
    with pytest.raises(InputError) as raised:
        _read_list(tmp_path / 'train_list.mat')
    assert 'train_list.mat' in str(raised.value) and expected in str(raised.value)


@pytest.mark.parametrize('options', [dict(), dict(do_compression=True), dict(oned_as='row')])
@pytest.mark.parametrize('dtype', ['f8', 'u1', 'i4', '>f8'])
def test_a_mat_list_is_read(tmp_path, options, dtype):
    labels = np.array([[1], [1], [2]], dtype)
    (tmp_path / 'train_list.mat').write_bytes(mat([*FILES[:2], 'n02-Beta/é %s.jpg'], labels, **options))
    assert _read_list(tmp_path / 'train_list.mat') == list(zip([*FILES[:2], 'n02-Beta/é %s.jpg'], (1, 1, 2)))


@pytest.mark.parametrize('name', ORDERS)
def test_labels_at_odds_with_folders_are_named(name):
    rows, expected = ORDERS[name]
    with pytest.raises(InputError) as raised:
        _folders_in_order(rows, Path('lists'))
    assert expected in str(raised.value)


TABLES = {
    'images': '1 001.Red/a.jpg\n2 001.Red/b.jpg\n3 002.Tit/c.jpg\n', 'classes': '1 001.Red\n2 002.Tit\n',
    'bounding_boxes': '1 5.0 6.0 20.0 10.0\n2 5 6 20 10\n3 0 0 9 9\n', 'image_class_labels': '1 1\n2 1\n3 2\n',
    'train_test_split': '1 1\n2 1\n3 0\n',
}
ROW = ' value'
WRONG = {  # table, what is changed, into what, what is said
    'a row missing': ('bounding_boxes', '2 5 6 20 10\n', '', 'found no row for image 2'),
    'the last row missing': ('train_test_split', '3 0\n', '', 'found no row for image 3'),
    'a row twice': ('image_class_labels', '2 1\n', '2 1\n2 1\n', '.txt:3: expected a new id'),
    'a row twice, differently': ('train_test_split', '2 1\n', '2 1\n2 0\n', '.txt:3: expected a new id'),
    'an image id twice': ('images', '2 001', '1 001', '.txt:2: expected a new id'),
    'an unknown row': ('bounding_boxes', '3 0', '4 1 1 5 5\n3 0', '.txt:3: expected a row for every id of images.txt'),
    'an unknown class': ('image_class_labels', '3 2', '3 9', '.txt:3: expected a class from 1 to 2, found 9'),
    'class 0': ('image_class_labels', '3 2', '3 0', '.txt:3: expected a class from 1 to 2, found 0'),
    'an unknown split': ('train_test_split', '3 0', '3 2', '.txt:3: expected 0 (test) or 1 (train), found 2'),
    'a class missing': ('classes', '1 001.Red\n', '', 'expected ids 1 to 1'),
    'a column missing': ('bounding_boxes', ' 20 10', ' 20', '.txt:2: expected a new id and 4 values'),
    'a column too many': ('bounding_boxes', ' 20 10', ' 20 10 1', '.txt:2: expected a new id and 4 values'),
    'a name missing': ('images', '2 001.Red/b.jpg', '2', '.txt:2: expected a new id and 1 value'),
    'nan': ('bounding_boxes', ' 20 10', ' nan 10', ROW), 'inf': ('bounding_boxes', ' 20 10', ' inf 10', ROW),
    '1e400': ('bounding_boxes', ' 20 10', ' 1e400 10', ROW), '1_0': ('bounding_boxes', ' 20 10', ' 2_0 10', ROW),
    'a decimal comma': ('bounding_boxes', ' 20 10', ' 20,0 10', ROW),
    'commas for blanks': ('bounding_boxes', '2 5 6 20 10', '2,5,6,20,10', ROW),
    'text': ('bounding_boxes', ' 20 10', ' x 10', ROW), 'id as a float': ('images', '2 001', '2.0 001', ROW),
    'id 0': ('images', '2 001', '0 001', ROW), 'a negative id': ('images', '2 001', '-2 001', ROW),
    'another alphabet\'s digit': ('image_class_labels', '2 1', '2 ١', ROW),
    'a huge id': ('images', '2 001', f'{"9" * 30} 001', ROW), 'a heading': ('images', '1 001', 'id name\n1 001', ROW),
    'a comment': ('classes', '1 001', '# classes\n1 001', ROW),
    'only carriage returns': ('train_test_split', '\n', '\r', ROW),
    'two images on a line': ('train_test_split', '2 1\n', '2 1 ', ROW),
    'a path out': ('images', '001.Red/b.jpg', '../b.jpg', '.txt:2: expected a path below the image folder'),
    'an absolute path': ('images', '001.Red/b.jpg', '/etc/passwd', '.txt:2: expected a path below the image folder'),
    'a class with a path out': ('classes', '002.Tit', '../x', '.txt:2: expected a path below the image folder'),
    'a NUL': ('images', 'b.jpg', 'b\0.jpg', '.txt:2: expected a path below the image folder'),
    'empty': ('images', TABLES['images'], '', 'expected rows, found none'),
    'blank': ('classes', TABLES['classes'], '\n \n\t\n', 'expected rows, found none'),
}
BYTES = {
    'Latin-1': ('images', lambda text: text.replace('b.jpg', 'é.jpg').encode('latin-1'), 's.txt:2: expected UTF-8'),
    'UTF-16': ('images', lambda text: text.encode('utf-16'), 'images.txt:1: expected UTF-8'),
    'UTF-16 without a mark': ('train_test_split', lambda text: text.encode('utf-16-le'), '.txt:1: expected a new id'),
    'zeroed': ('bounding_boxes', lambda text: bytes(len(text)), '.txt:1: expected a new id'),
}
REPAIRED = {
    'CRLF': (lambda text: text.replace('\n', '\r\n'), 'CRLF (3)'),
    'a byte order mark': (lambda text: '\ufeff' + text, 'byte order mark (1)'),
    'blank lines': (lambda text: '\n' + text.replace('\n', '\n\n  \n') + '\n', 'blank line (8)'),
    'all three': (lambda text: '\ufeff' + text.replace('\n', '\r\n\r\n'),
                  'byte order mark (1), CRLF (6), blank line (3)'),
}
UNCHANGED = {'no end of line': lambda text: text.rstrip('\n'), 'tabs': lambda text: text.replace(' ', '\t'),
             'blanks around': lambda text: ' ' + text.rstrip().replace('\n', '  \n ') + '\n',
             'another order': lambda text: '\n'.join(text.splitlines()[::-1]) + '\n'}


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / 'images').mkdir()
    for name, text in TABLES.items():
        (tmp_path / f'{name}.txt').write_text(text)
    return tmp_path


@pytest.mark.parametrize('name', [*WRONG, *BYTES])
def test_a_wrong_row_of_a_table_is_named(root, name):
    if name in WRONG:
        table, old, new, expected = WRONG[name]
        assert old in TABLES[table]
        content = TABLES[table].replace(old, new, -1 if old == '\n' else 1).encode()
    else:
        table, change, expected = BYTES[name]
        content = change(TABLES[table])
    (root / f'{table}.txt').write_bytes(content)
    with pytest.raises(InputError) as raised:
        cub.index(root)
    assert f'{table}.txt' in str(raised.value) and expected in str(raised.value)


@pytest.mark.parametrize('name', [*REPAIRED, *UNCHANGED])
@pytest.mark.parametrize('table', ['images', 'bounding_boxes', 'train_test_split'])
def test_what_changes_no_row_is_read_over_and_counted(root, capsys, table, name):
    expected = cub.index(root)
    change, said = REPAIRED.get(name) or (UNCHANGED[name], None)
    (root / f'{table}.txt').write_bytes(change(TABLES[table]).encode())
    found = cub.index(root)
    assert found.files == expected.files and found.categories == expected.categories
    for column in ('ids', 'labels', 'test', 'xyxy'):
        assert (getattr(found, column) == getattr(expected, column)).all()
    assert capsys.readouterr().out == (f'{table}.txt: read over {said}\n' if said else '')


def test_a_name_with_blanks(root):
    (root / 'images.txt').write_text(TABLES['images'].replace('b.jpg', 'b 2.jpg'))
    assert cub.index(root).files == ['001.Red/a.jpg', '001.Red/b 2.jpg', '002.Tit/c.jpg']
