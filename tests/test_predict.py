"""Prediction: the stages' boxes and classes, whatever the batch; damaged and turned files; kills; what it writes."""
from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import predict as command
from pipelines.core import boxes, bundle, coco, images, json_files, sources
from pipelines.core.boxes import EXIF_STEPS
from tests.chain_work import ROW

pytestmark = pytest.mark.mm
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def made(chain_work) -> bundle.Bundle:
    return bundle.make(chain_work, ROW)


@pytest.fixture(scope='module')
def test_set(chain_work):
    """COCO of test, ids, and the pictures."""
    truth = coco.read(chain_work / 'convert/test.json')
    ids = sorted(truth.images)
    return truth, ids, [images.read(chain_work / 'convert/images' / truth.images[i]['file_name']) for i in ids]


@pytest.fixture(scope='module')
def chain(made):
    from pipelines.openmm.chain.chain import Chain
    return Chain(made, conf=0.)


def test_the_chain_gives_the_stages_boxes_and_classes(chain, chain_work, test_set):
    """Boxes to the digit; scores within what a crop's JPEG changes."""
    truth, ids, pictures = test_set
    found = chain(pictures)
    stage = json_files.read(chain_work / 'detect/detections_test.json')
    for image_id, animals in zip(ids, found):
        rows = sorted((row for row in stage if row['image_id'] == image_id), key=lambda row: -row['score'])
        assert [animal.found.score for animal in animals] == [row['score'] for row in rows]
        assert np.allclose([animal.found.xyxy for animal in animals], boxes.xywh_to_xyxy(
            [row['bbox'] for row in rows]), atol=0.006)
        assert all(animal.scores.sum() == pytest.approx(1, abs=1e-5) for animal in animals)
    runs = [json_files.read(chain_work / f'models/tested/{ROW}-seed{seed}/test.json') for seed in (0, 1)]
    mean = np.mean([run['scores'] for run in runs], axis=0)
    assert runs[0]['image_id'] == ids
    own = np.array([animals[0].scores for animals in found])
    assert np.abs(own - mean).max() < 0.05  # JPEG
    assert (own.argmax(1) == mean.argmax(1)).mean() >= 0.9


def test_no_number_depends_on_what_lies_beside_a_picture(chain, made, test_set):
    from pipelines.openmm.chain.chain import Chain
    pictures = test_set[2]
    alone = [Chain.__call__(chain, [picture])[0] for picture in pictures[:6]]
    other = Chain(made, conf=0., batch=3)(pictures[::-1])[::-1]
    for first, second in zip(alone, other):
        assert [one.found for one in first] == [one.found for one in second]
        assert np.allclose([one.scores for one in first], [one.scores for one in second], atol=1e-5)


def test_the_crops_are_those_of_the_crop_stage(chain, chain_work, test_set):
    """The same pixels, but for their JPEG."""
    rows = json_files.read(chain_work / 'crop/square_test.json')['data_list']
    for row, picture in zip(rows[:4], test_set[2]):
        animal = chain([picture])[0][0]
        assert list(animal.area) == row['crop']
        stored = images.decode(chain_work / 'crop' / row['img_path']).astype(int)
        assert stored.shape == animal.crop.shape and np.abs(stored - animal.crop).mean() < 4


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels to store, so that a viewer that follows EXIF shows the picture."""
    columns, rows = EXIF_STEPS[orientation]
    stored = picture[::rows, ::columns]
    return np.ascontiguousarray(stored.swapaxes(0, 1) if orientation >= 5 else stored)


@pytest.fixture
def thirty(tmp_path, chain_work):
    """30 files: eight orientations of one picture, a CMYK one, a corrupt one, an empty one, and 19 others."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    files = sorted((chain_work / 'convert/images').rglob('*.jpg'))
    for number, file in enumerate(files[:19]):
        shutil.copyfile(file, folder / f'plain{number:02}.jpg')
    pixels = images.decode(files[20])
    for orientation in EXIF_STEPS:
        image = Image.fromarray(turned(pixels, orientation))
        exif = image.getexif()
        exif[0x0112] = orientation
        image.save(folder / f'turned{orientation}.png', exif=exif)
    Image.fromarray(pixels).convert('CMYK').save(folder / 'inks.jpg', quality=95)
    (folder / 'corrupt.jpg').write_bytes(files[21].read_bytes()[:2000])
    (folder / '=empty.jpg').write_bytes(b'')
    return folder


def run(folder: Path, out: Path, work: Path, *more: str) -> list[dict]:
    assert command.main([str(folder), '--work', str(work), '--row', ROW, '--out', str(out), '--conf', '0', *more]) == 0
    return json.loads((out / 'predictions.json').read_text())['images']


def test_every_file_becomes_a_record_however_it_is_stored(thirty, tmp_path, chain_work, capsys):
    rows = {row['file']: row for row in run(thirty, tmp_path / 'out', chain_work, '--save-crops', '--save-pictures')}
    assert len(rows) == 30
    failed = {name for name, row in rows.items() if 'failure' in row}
    assert failed == {'=empty.jpg', 'corrupt.jpg'} and all(rows[name]['detections'] is None for name in failed)
    orientations = [rows[f'turned{number}.png'] for number in EXIF_STEPS]
    assert all(row['detections'] == orientations[0]['detections'] and row['width'] == orientations[0]['width']
               for row in orientations) and len(orientations[0]['detections']) == 2
    assert len(rows['inks.jpg']['detections']) == 2
    with (tmp_path / 'out/predictions.csv').open(newline='') as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 2 * 28 + 2 and {row['level'] for row in table} <= {'class', 'none', 'failure'}
    assert sum(row['file'] == "'=empty.jpg" for row in table) == 1
    assert len(list((tmp_path / 'out/crops').glob('*.jpg'))) == 56
    assert len(list((tmp_path / 'out/pictures').glob('*.jpg'))) == 28
    page = (tmp_path / 'out/index.html').read_text()
    assert '56 animals in 30 files' in page and 'no confidence reaches 95%' in page
    assert 'pictures/plain00.jpg.jpg' in page
    assert run(thirty, tmp_path / 'out', chain_work, '--save-crops', '--save-pictures')
    assert '[predict] up to date' in capsys.readouterr().out


def test_a_list_of_classes_overrides(thirty, tmp_path, chain_work, made):
    here = tmp_path / 'here.txt'
    here.write_text(made.classes[1])
    rows = run(thirty, tmp_path / 'out', chain_work, '--allow', str(here), '--target', '0', '--top', '1')
    answers = [one['answer'] for row in rows for one in row['detections'] or ()]
    assert {answer['name'] for answer in answers} == {made.classes[1]}
    assert {one['classifications'][0][0] for row in rows for one in row['detections'] or ()} == {'2'}


def test_a_killed_prediction_goes_on_to_the_same_bytes(thirty, tmp_path, chain_work, monkeypatch):
    monkeypatch.setattr(command, '_SHARD', 5)
    files = sources.find([str(thirty)])
    chain = bundle.make(chain_work, ROW)
    command.predict(chain, files, tmp_path / 'whole', conf=0.)
    code = ('import sys; from pipelines import predict; predict._SHARD = 5; '
            'sys.exit(predict.main(sys.argv[1:]))')
    arguments = [sys.executable, '-c', code, str(thirty), '--work', str(chain_work), '--row', ROW, '--conf', '0',
                 '--out', str(tmp_path / 'parts')]
    process = subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''})
    shards = tmp_path / '.parts.staging/.shards'
    while not list(shards.glob('*.json')) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list(shards.glob('*.json')))
    command.predict(chain, files, tmp_path / 'parts', conf=0.)
    assert 1 <= done < 6
    for name in ('predictions.json', 'predictions.csv', 'index.html', 'manifest.json'):
        assert (tmp_path / 'parts' / name).read_bytes() == (tmp_path / 'whole' / name).read_bytes(), name


def test_a_bundle_that_was_copied_says_the_same_and_a_changed_one_is_refused(made, thirty, tmp_path, capsys):
    shutil.copytree(made.folder, tmp_path / 'elsewhere')
    assert command.main([str(thirty / 'plain00.jpg'), '--bundle', str(tmp_path / 'elsewhere'), '--out',
                         str(tmp_path / 'out'), '--conf', '0']) == 0
    assert json.loads((tmp_path / 'out/predictions.json').read_text())['info']['classifier'] == ROW
    with (tmp_path / 'elsewhere/classifier/seed1/model.pth').open('ab') as stream:
        stream.write(b'x')
    assert command.main([str(thirty / 'plain00.jpg'), '--bundle', str(tmp_path / 'elsewhere'), '--out',
                         str(tmp_path / 'again')]) == 2
    assert 'seed1/model.pth: expected the file that the card names' in capsys.readouterr().err


def test_the_card_says_what_a_chain_is_made_of(made, chain_work):
    card = made.card
    assert card['classes'] == ['Amber_spitz', 'Bramble_hound', 'Cobble_corgi'] and card['super_classes'] == ['dog'] * 3
    assert card['crop'] == dict(kind='square', min_size=16, size=64) and card['seeds'] == [0, 1]
    assert card['trained_on']['images'] == 21 and card['val']['images'] == 3 and len(made.probes) == 3
    assert card['temperature'] == dict(value=None, fitted=None, gain=None, interval=None, images=3)  # too few to fit
    assert card['detector']['class_agnostic'] and card['detector']['threshold']['animals'] == 3
    for name in ('detector/model.pth', 'classifier/seed1/model.pth'):
        source = chain_work / 'models' / (f'classify/{ROW}-seed1' if 'seed' in name else
                                          'detect/faster-rcnn_efficientnet-lite0_fpn_160px') / 'model.pth'
        assert (made.folder / name).samefile(source) or (made.folder / name).read_bytes() == source.read_bytes()
        assert len(card['files'][name]) == 64
    assert made.groups == [] and set(made.unsure_below(0.9)) == {'class'}  # one super-class says nothing
