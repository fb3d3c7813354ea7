from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from pipelines.core import fingerprint, images, json_files, lineage, manifest, shards
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import sha256
from pipelines.core.kinds import DEFAULT_KINDS, parse_kinds
from pipelines.crop import crop, main, parse_boxes

SIZE = (100, 60)
ONE = shards.Engine(1)
LEFT, RIGHT = (10, 20, 30, 10), (60, 10, 40, 50)  # xywh
M0 = parse_kinds(['box-m0', 'square-m0'])
COLOURS = {LEFT: (220, 30, 30), RIGHT: (30, 30, 220)}


@pytest.fixture
def convert(tmp_path: Path) -> Path:
    """Grey 100 x 60 images, one per split, each with a red box on the left and a larger blue one on the right."""
    folder = tmp_path / 'convert'
    (folder / 'images' / 'a').mkdir(parents=True)
    picture = np.full((60, 100, 3), 114, np.uint8)
    for (x, y, w, h), colour in COLOURS.items():
        picture[y:y + h, x:x + w] = colour
    for number, split in enumerate(('train', 'val', 'test'), start=1):
        (folder / 'images' / 'a' / f'{split}.jpg').write_bytes(images.encode_jpeg(picture, 100))
        json_files.write(folder / f'{split}.json', dict(
            images=[dict(id=number, file_name=f'a/{split}.jpg', width=100, height=60, category_id=2)],
            annotations=[dict(id=i, image_id=number, category_id=2, bbox=list(box))
                         for i, box in enumerate(COLOURS, start=1)],
            categories=[dict(id=1, name='one'), dict(id=2, name='two')]))
    return folder


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    """For val the smaller box scores best; nothing is found in test."""
    rows = [dict(image_id=2, category_id=1, bbox=list(RIGHT), score=0.3),
            dict(image_id=2, category_id=1, bbox=list(LEFT), score=0.9)]
    (tmp_path / 'detections.json').write_text(json.dumps(rows))
    return tmp_path / 'detections.json'


def rows(out: Path, kind: str, split: str) -> list[dict]:
    """Of a list, each with the digest of its file, which is taken out."""
    found = lineage.read_list(out / f'{kind}_{split}.json')[1]
    for row in found:
        assert row.pop('sha256') == sha256(out / row['img_path'])
    return found


def test_boxes_by_split_are_read():
    assert parse_boxes('gt') == dict(train='gt', val='gt', test='gt')
    assert parse_boxes('test=gt') == dict(train='gt', val='det', test='gt')
    for wrong in ('best', 'train', 'train=gt,live=det', ''):
        with pytest.raises(InputError, match='--boxes: expected gt, det, or pairs'):
            parse_boxes(wrong)


def test_train_by_the_largest_annotated_box_val_by_the_best_detection(convert, detections, tmp_path, capsys):
    out = tmp_path / 'crop'
    crop(convert, out, detections=detections, kinds=M0, size=40, engine=ONE)
    assert rows(out, 'box-m0', 'train') == [dict(
        img_path='box-m0/a/train.jpg', gt_label=1, image_id=1, split='train', box_source='gt', score=None,
        box=[60, 10, 100, 60], crop=[60, 10, 100, 60])]
    assert rows(out, 'square-m0', 'val') == [dict(
        img_path='square-m0/a/val.jpg', gt_label=1, image_id=2, split='val', box_source='det', score=0.9,
        box=[10, 20, 40, 30], crop=[10, 10, 40, 40])]
    assert rows(out, 'full', 'test') == [dict(
        img_path='full/a/test.jpg', gt_label=1, image_id=3, split='test', box_source='none', score=None, box=None,
        crop=[0, 0, 100, 60])]
    assert json.loads((out / 'summary.json').read_text())['mode_counts'] == dict(
        train=dict(gt=1), val=dict(det=1), test=dict(fallback=1))

    blue, red = images.decode(out / 'box-m0' / 'a' / 'train.jpg'), images.decode(out / 'box-m0' / 'a' / 'val.jpg')
    assert blue.shape == (40, 32, 3) and np.abs(blue.astype(int) - COLOURS[RIGHT]).max() < 12  # shrunk from 40 x 50
    assert red.shape == (10, 30, 3) and np.abs(red.astype(int)[2:-2, 2:-2] - COLOURS[LEFT]).max() < 12  # not enlarged
    square = images.decode(out / 'square-m0' / 'a' / 'val.jpg')
    assert square.shape == (30, 30, 3) and square[15, 15].tolist() == pytest.approx(COLOURS[LEFT], abs=12)
    assert (out / 'full' / 'a' / 'test.jpg').is_file()


def test_without_a_detection_the_whole_image_is_padded_and_marked(convert, detections, tmp_path):
    out = tmp_path / 'crop'
    crop(convert, out, detections=detections, size=100, engine=ONE)
    row = rows(out, 'square', 'test')[0]
    assert (row['box_source'], row['box'], row['score'], row['crop']) == ('fallback', None, None, [0, -20, 100, 80])
    picture = images.decode(out / row['img_path']).astype(int)
    assert picture.shape == (100, 100, 3)
    assert np.abs(picture[:18] - 114).max() < 4 and np.abs(picture[82:] - 114).max() < 4
    assert picture[45, 80].tolist() == pytest.approx(COLOURS[RIGHT], abs=12)


@pytest.mark.parametrize(('source', 'size', 'kept'), [
    ('444', 40, '444'), ('420', 40, '420'), ('420', 64, '420'), ('420', 25, '444'), ('422', 40, '444'),
    ('411', 40, '420'), ('png', 40, '444')])
def test_chroma_is_kept_as_fine_as_the_photograph_has_it(convert, tmp_path, source, size, kept):
    """The crop is of 40 x 50 pixels; shrunk to half, 2 x 2 pixels of the photograph are one."""
    path = convert / 'images' / 'a' / 'train.jpg'
    pixels = images.decode(path)
    path.write_bytes(images.encode_png(pixels) if source == 'png' else images.encode_jpeg(pixels, 95, source))
    crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), kinds=M0, size=size, engine=ONE)
    assert simplejpeg.decode_jpeg_header((tmp_path / 'crop/box-m0/a/train.jpg').read_bytes())[3] == kept


def test_the_digests_that_the_workers_give_are_those_of_the_files(convert, tmp_path, hashed):
    hashed.clear()
    crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), engine=ONE)
    assert hashed and not [path for path in hashed if '/box/' in path or '/square/' in path]
    written = {row['path']: row['sha256'] for row in manifest.load(tmp_path / 'crop')['outputs']}
    for kind in ('box', 'square'):
        assert fingerprint.fingerprint(tmp_path / 'crop' / kind, fingerprint.Cache()) == (written[kind], 3)


def test_a_crop_that_a_power_cut_emptied_is_not_published(convert, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr('pipelines.crop._write_lists', interrupt)
        crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), engine=ONE)
    (tmp_path / '.crop.staging/box/a/train.jpg').write_bytes(b'')
    with pytest.raises(InputError, match=r'box/a/train\.jpg: expected [0-9,]+ bytes, as were written, found 0'):
        crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), engine=ONE)
    assert not (tmp_path / 'crop').exists()


def test_a_detection_outside_the_image_counts_as_none(convert, tmp_path):
    path = tmp_path / 'detections.json'
    path.write_text(json.dumps([dict(image_id=3, bbox=[200, 0, 10, 10], score=0.9),
                                dict(image_id=3, bbox=[90, 0, 40, 20], score=0.2)]))
    crop(convert, tmp_path / 'crop', detections=path, kinds=M0, engine=ONE)
    assert rows(tmp_path / 'crop', 'box-m0', 'test')[0]['crop'] == [90, 0, 100, 20]
    assert rows(tmp_path / 'crop', 'box-m0', 'val')[0]['box_source'] == 'fallback'


def test_a_current_result_is_kept_and_a_changed_detection_cuts_again(convert, detections, tmp_path, capsys):
    assert crop(convert, tmp_path / 'crop', detections=detections, engine=ONE)
    assert not crop(convert, tmp_path / 'crop', detections=detections, engine=shards.Engine(2))
    assert '[crop] up to date' in capsys.readouterr().out
    detections.write_text(detections.read_text().replace('0.3', '0.95'))
    assert crop(convert, tmp_path / 'crop', detections=detections, engine=ONE)
    assert rows(tmp_path / 'crop', 'box', 'val')[0]['score'] == 0.95


@pytest.mark.parametrize(('content', 'message'), [
    (None, 'detections.json: expected detected boxes, found nothing'),
    ('{', 'detections.json: expected COCO results'),
    ('[{"image_id": 2}]', 'detections.json, row 0, bbox: expected four numbers'),
    ('[{"image_id": 2, "bbox": [1, 2, 3], "score": 1}]', 'detections.json, row 0, bbox: expected four numbers'),
    ('[{"image_id": 9, "bbox": [0, 0, 5, 5], "score": 1}]', 'row 0: expected an image id of .*, found 9'),
])
def test_wrong_detections_are_named(convert, tmp_path, capsys, content, message):
    path = tmp_path / 'detections.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        crop(convert, tmp_path / 'crop', detections=path)
    assert main(['--coco', str(convert), '--detections', str(path), '--out', str(tmp_path / 'crop')]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not (tmp_path / 'crop').exists()


def test_other_wrong_inputs_are_named(convert, tmp_path):
    with pytest.raises(InputError, match='--detections: expected a file'):
        crop(convert, tmp_path / 'crop')
    with pytest.raises(InputError, match='--quality: expected 1 to 100, found 0'):
        crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), quality=0)
    with pytest.raises(InputError, match=r'train\.json: expected a COCO file, found nothing'):
        crop(tmp_path / 'nowhere', tmp_path / 'crop', by_split=parse_boxes('gt'))


def test_images_and_annotations_are_sorted(convert, tmp_path):
    content = json.loads((convert / 'train.json').read_text())
    content['annotations'].append(dict(id=9, image_id=7, category_id=2, bbox=[0, 0, 5, 5]))
    (convert / 'train.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match=r'train\.json, annotations, row 2: expected rows of its own images'):
        crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), engine=ONE)
    content['images'].append(dict(content['images'][0], id=7, file_name='a/other.jpg'))
    shutil.copy(convert / 'images/a/train.jpg', convert / 'images/a/other.jpg')
    content['annotations'] = content['annotations'][::-1]
    (convert / 'train.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match=r'train\.json, annotations, row \d: expected rows of its own images, sorted'):
        crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), engine=ONE)


@pytest.mark.parametrize(('change', 'message'), [
    (dict(id=2), r'val\.json: expected every image id once, found 2 twice, in train and val'),
    (dict(file_name='a/test.jpg'), r'test\.json: expected every file name once, found one twice, in train and test'),
])
def test_an_image_in_two_splits_is_refused(convert, tmp_path, change, message):
    content = json.loads((convert / 'train.json').read_text())
    content['images'][0].update(change)
    (convert / 'train.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        crop(convert, tmp_path / 'crop', by_split=parse_boxes('gt'), engine=ONE)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_every_kind_has_its_own_box_and_margin(convert, detections, tmp_path, monkeypatch):
    read, real = [], images.read  # each image is decoded once for all kinds
    monkeypatch.setattr(images, 'read', lambda path, **how: read.append(path) or real(path, **how))
    crop(convert, tmp_path / 'crop', kinds=parse_kinds(['square', 'square-m30', 'square-m0-gt', 'box-gt']),
         detections=detections, engine=ONE)
    assert len(read) == 3
    found = {kind: [(row['box_source'], row['score'], row['crop']) for split in ('train', 'val', 'test')
                    for row in rows(tmp_path / 'crop', kind, split)]
             for kind in ('square', 'square-m30', 'square-m0-gt', 'box-gt')}
    # LEFT (val's detection) is 30 x 10 at 10, 20; RIGHT (the largest annotated) 40 x 50 at 60, 10 in 100 x 60 pixels
    assert found['square'] == [('gt', None, [45, 5, 100, 60]), ('det', 0.9, [7, 7, 43, 43]),
                               ('fallback', None, [0, -20, 100, 80])]
    assert found['square-m30'][1] == ('det', 0.9, [1, 1, 49, 49])
    assert found['square-m0-gt'] == [('gt', None, [50, 10, 100, 60])] * 3
    assert found['box-gt'] == [('gt', None, [56, 5, 100, 60])] * 3
    summary = json.loads((tmp_path / 'crop/summary.json').read_text())
    assert summary['mode_counts'] == dict(train=dict(gt=1), val=dict(det=1), test=dict(fallback=1))
    assert summary['parameters']['kinds'] == ['full', 'box-gt', 'square', 'square-m30', 'square-m0-gt']


def test_other_kinds_beside_them_change_no_byte_of_a_crop(convert, detections, tmp_path):
    for name, kinds in (('few', DEFAULT_KINDS), ('many', parse_kinds(['box', 'square', 'square-m30', 'square-gt']))):
        crop(convert, tmp_path / name, kinds=kinds, detections=detections, engine=ONE)
    few, many = files(tmp_path / 'few'), files(tmp_path / 'many')
    same = [name for name in few if name.partition('/')[0] in ('box', 'square') or name.split('_')[0] in (
        'full', 'box', 'square')]
    assert len(same) == 6 + 9 and {name: few[name] for name in same} == {name: many[name] for name in same}


def without_boxes(convert: Path) -> None:
    for path in convert.glob('*.json'):
        path.write_text(json.dumps(dict(json.loads(path.read_text()), annotations=[])))


@pytest.mark.parametrize('arguments', [[], ['--boxes', 'gt'], ['--kinds', 'square-gt'],
                                       ['--detections', 'nowhere/detections.json']])
def test_without_any_box_the_images_are_taken_whole_and_that_is_said(convert, tmp_path, capsys, arguments):
    without_boxes(convert)
    assert main(['--coco', str(convert), '--out', str(tmp_path / 'crop'), '--workers', '1', *arguments]) == 0
    assert 'no box is annotated and none was detected: the images are taken whole' in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / 'crop').glob('*_*.json')) == [
        'full_test.json', 'full_train.json', 'full_val.json']
    assert rows(tmp_path / 'crop', 'full', 'test')[0]['crop'] == [0, 0, 100, 60]
    assert json.loads((tmp_path / 'crop/summary.json').read_text())['mode_counts']['test'] == {'none': 1}


def test_detected_boxes_alone_cut_train_too(convert, detections, tmp_path, capsys):
    without_boxes(convert)
    detections.write_text(detections.read_text().replace('"image_id": 2', '"image_id": 1', 1))
    crop(convert, tmp_path / 'crop', detections=detections, engine=ONE)
    assert 'no box is annotated: train, too, is cut by the boxes of detect' in capsys.readouterr().out
    row = rows(tmp_path / 'crop', 'box', 'train')[0]
    assert (row['box_source'], row['score'], row['box']) == ('det', 0.3, [60, 10, 100, 60])
    for how, message in ((dict(by_split=parse_boxes('train=gt')), '--boxes: expected det'),
                         (dict(kinds=parse_kinds(['square-gt'])), '--kinds: expected kinds without -gt')):
        with pytest.raises(InputError, match=message):
            crop(convert, tmp_path / 'crop', detections=detections, engine=ONE, **how)


def test_kinds_of_annotated_boxes_need_no_detections(convert, tmp_path):
    crop(convert, tmp_path / 'crop', kinds=parse_kinds(['square-gt']), engine=ONE)
    assert rows(tmp_path / 'crop', 'square-gt', 'test')[0]['box'] == [60, 10, 100, 60]
