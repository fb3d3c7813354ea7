"""Every reader on any bytes: a result or an InputError that names the file, and nothing else.

hypothesis edits a good file; ``FGIC_COUNTS=full`` runs 2,000 examples for each.
"""
from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings

from data_converters import archives, cub
from data_converters.stanford_dogs import _read_list, _read_xml
from pipelines.core import coco, coco_stream, images, lineage
from pipelines.core.errors import InputError
from tests.hostile import EDITS, FULL, edited
from tests.hostile.test_archives import ended, member
from tests.hostile.test_coco import DETECTION, content
from tests.hostile.test_jpegs import JPEGS, saved
from tests.hostile.test_lists import TABLES, mat
from tests.hostile.test_xml import GOOD as XML

EXAMPLES = 2000 if FULL else 60
Reader = Callable[[Path, bytes], object]


def one_file(name: str, read: Callable[[Path], object]) -> Reader:
    def reader(folder: Path, data: bytes) -> object:
        (folder / name).write_bytes(data)
        return read(folder / name)
    return reader


def table(name: str) -> Reader:
    def reader(folder: Path, data: bytes) -> object:
        (folder / 'images').mkdir(exist_ok=True)
        for other, text in TABLES.items():
            (folder / f'{other}.txt').write_bytes(data if other == name else text.encode())
        return cub.index(folder)
    return reader


def streamed(folder: Path, data: bytes) -> object:
    for split, rows in content().items():
        (folder / f'{split}.json').write_bytes(data if split == 'train' else json.dumps(rows).encode())
    return coco_stream.images(folder), list(coco_stream.annotated(folder))


def best_boxes(path: Path) -> object:
    known = coco_stream.Images(np.array([1, 2, 21]), np.array([[40, 30]] * 3))
    return coco_stream.best_boxes(path, known)


def unpacked(path: Path) -> object:
    shutil.rmtree(path.parent / 'into', ignore_errors=True)
    archives.unpack(path, path.parent / 'into')
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, 'into'}
    return True


def picture(path: Path) -> object:
    pixels = images.decode(path)
    assert pixels.shape[1::-1] == images.size(path) and pixels.shape[2] == 3
    return pixels


COCO = json.dumps(content()['train']).encode()
LIST = json.dumps(dict(metainfo=dict(classes=['a', 'b']), data_list=[
    dict(img_path=f'box/{i}.jpg', gt_label=i, image_id=i, split='train', box_source='gt', score=None, box=[0, 0, 9, 9],
         crop=[0, 0, 9, 9]) for i in range(2)])).encode()
TAR = ended(member('Images/a.jpg', b'picture' * 200), member('Images/b/c.jpg', b'x'))
READERS: dict[str, tuple[bytes, Reader]] = {
    'XML': (XML.encode(), one_file('x', _read_xml)), '.mat': (mat(), one_file('x.mat', _read_list)),
    '.mat, packed': (mat(do_compression=True), one_file('x.mat', _read_list)),
    **{f'CUB {name}': (TABLES[name].encode(), table(name)) for name in ('images', 'bounding_boxes')},
    'COCO': (COCO, one_file('train.json', coco.read)), 'COCO, streamed': (COCO, streamed),
    'detections': (json.dumps([DETECTION, dict(DETECTION, image_id=1)]).encode(), one_file('x.json', best_boxes)),
    'list': (LIST, one_file('x.json', lineage.read_list)),
    'tar': (TAR, one_file('x.tar', unpacked)), 'tar.gz': (gzip.compress(TAR), one_file('x.tar', unpacked)),
    **{f'JPEG {name}': (JPEGS[name], one_file('x.jpg', picture)) for name in ('baseline', 'progressive', 'turned')},
    **{form: (saved(form), one_file('x.jpg', picture)) for form in ('PNG', 'GIF', 'BMP', 'WEBP')},
}


@pytest.mark.parametrize('name', READERS)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
@example(edits=[])
def test_any_bytes_are_read_or_refused(tmp_path, name, edits):
    data, read = READERS[name]
    try:
        assert read(tmp_path, edited(data, edits)) is not None
    except InputError as error:
        assert edits and error.parts['found'] and error.parts['remedy']
