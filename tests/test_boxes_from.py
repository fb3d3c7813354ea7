"""Detect with boxes from elsewhere, and without any: what later stages get of it."""
from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import crop, detect
from pipelines.core import coco, coco_rows, json_files, lineage, manifest, shards, workspace
from pipelines.core.errors import InputError

ONE = shards.Engine(1)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def convert(toy_dogs_coco, tmp_path) -> Path:
    """A copy whose images are links."""
    folder = tmp_path / 'work/convert'
    folder.mkdir(parents=True)
    for split in coco.SPLITS:
        (folder / f'{split}.json').write_bytes((toy_dogs_coco / f'{split}.json').read_bytes())
    (folder / 'images').symlink_to((toy_dogs_coco / 'images').resolve())
    return folder


def without_boxes(convert: Path, *splits: str) -> None:
    for split in splits or coco.SPLITS:
        content = json_files.read(convert / f'{split}.json')
        json_files.write(convert / f'{split}.json', dict(content, annotations=[]))


def annotated(convert: Path) -> list[tuple[str, list[float]]]:
    """(file name, first annotated box) of all images."""
    return [(truth.images[i]['file_name'], truth.annotations[i][0]['bbox'])
            for truth in coco.read_splits(convert).values() for i in truth.images]


def table(path: Path, rows: list[tuple[str, list[float]]], **scores: float) -> Path:
    path.write_text('file_name,x,y,w,h,score\n' + ''.join(
        ','.join(map(str, (name, *box, scores.get(name, 0.5)))) + '\n' for name, box in rows))
    return path


def run(convert: Path, *arguments: object) -> int:
    return detect.main(['--coco', str(convert), '--out', str(convert.parent / 'detect'), *map(str, arguments)])


def test_a_file_gives_the_result_of_detect_with_its_source(convert, tmp_path, capsys):
    rows = annotated(convert)[:-1]  # the last image, of test, has no box in the file
    assert run(convert, '--boxes-from', table(tmp_path / 'boxes.csv', [*rows, ('else/x.jpg', [1, 1, 9, 9])])) == 0
    text = capsys.readouterr().out
    assert 'boxes.csv (CSV): 36, for 35 images; 0 cut at the border, 0 outside; 1 names of no image here, as el' in text
    assert '[detect] train: 21 images, localisation accuracy 1.000, 0 without a detection' in text
    out = convert.parent / 'detect'
    metrics = json_files.read(out / 'metrics.json')
    assert (metrics['box_source'], metrics['config'], metrics['best_epoch']) == ('given', None, None)
    assert metrics['splits']['test']['localisation_accuracy'] == round(11 / 12, 4)
    assert metrics['splits']['test']['no_detection'] == 1 and 0 < metrics['splits']['test']['coco']['AR_1'] < 1
    assert {Image.open(out / f'sheet_{kind}.jpg').format for kind in ('best', 'worst')} == {'JPEG'}
    assert [row['path'] for row in manifest.load(out)['inputs']][0] == 'boxes_from'

    crop.crop(convert, tmp_path / 'work/crop', detections=out / 'detections.json', engine=ONE)
    test = lineage.read_list(tmp_path / 'work/crop/square_test.json')[1]
    assert [row['box_source'] for row in test].count('given') == 11
    assert [row['box_source'] for row in test].count('fallback') == 1
    assert {row['score'] for row in test if row['box_source'] == 'given'} == {0.5}
    assert lineage.read_list(tmp_path / 'work/crop/square_train.json')[1][0]['box_source'] == 'gt'
    assert json_files.read(tmp_path / 'work/crop/summary.json')['mode_counts']['val'] == {'given': 3}

    assert run(convert, '--boxes-from', tmp_path / 'boxes.csv') == 0
    assert '[detect] up to date' in capsys.readouterr().out
    table(tmp_path / 'boxes.csv', rows[1:])
    assert run(convert, '--boxes-from', tmp_path / 'boxes.csv') == 0
    assert '[detect] again, for input boxes_from changed' in capsys.readouterr().out


def test_results_split_by_split_are_read_by_pycocotools_as_they_are(convert, tmp_path):
    from pycocotools.coco import COCO

    assert run(convert, '--boxes-from', table(tmp_path / 'boxes.csv', annotated(convert))) == 0
    out, count = convert.parent / 'detect', 0
    for split, truth in coco.read_splits(convert).items():
        with contextlib.redirect_stdout(io.StringIO()):
            found = COCO(str(convert / f'{split}.json')).loadRes(str(out / f'detections_{split}.json'))
        assert {row['image_id'] for row in found.dataset['annotations']} == set(truth.images)
        count += len(found.dataset['annotations'])
    assert count == len(json.loads((out / 'detections.json').read_text())) == 36


def test_without_annotations_only_what_can_be_is_measured(convert, tmp_path, capsys):
    rows = annotated(convert)
    without_boxes(convert)
    assert run(convert, '--boxes-from', table(tmp_path / 'boxes.csv', rows)) == 0
    metrics = json_files.read(convert.parent / 'detect/metrics.json')['splits']
    assert metrics == dict(train=dict(images=21, no_detection=0), val=dict(images=3, no_detection=0),
                           test=dict(images=12, no_detection=0))
    assert '[detect] test: 12 images, 0 without a detection' in capsys.readouterr().out
    crop.crop(convert, tmp_path / 'work/crop', detections=convert.parent / 'detect/detections.json', engine=ONE)
    assert {row['box_source'] for row in lineage.read_list(tmp_path / 'work/crop/box_train.json')[1]} == {'given'}


def test_the_page_says_where_the_boxes_come_from(convert, tmp_path):
    from pipelines.report import report

    rows, work = annotated(convert), convert.parent
    without_boxes(convert)
    run(convert, '--boxes-from', table(tmp_path / 'boxes.csv', rows))
    crop.crop(convert, work / 'crop', detections=work / 'detect/detections.json', engine=ONE)
    report(work, work / 'report')
    html = (work / 'report/index.html').read_text()
    assert 'The boxes are given in a file: <code>boxes.csv</code> (CSV): 36 boxes for 36 images' in html
    assert 'given in a file</th><td>21</td><td>3</td><td>12</td>' in html and 'boxes right on test' not in html


def test_accuracy_is_of_the_annotated_images_alone(convert, tmp_path):
    rows = annotated(convert)
    content = json_files.read(convert / 'test.json')
    kept = {row['id'] for row in content['images'][:4]}
    content['annotations'] = [row for row in content['annotations'] if row['image_id'] in kept]
    json_files.write(convert / 'test.json', content)
    name = content['images'][0]['file_name']
    moved = [(file, [0, 0, 4, 4] if file == name else box) for file, box in rows]
    assert run(convert, '--boxes-from', table(tmp_path / 'boxes.csv', moved)) == 0
    measured = json_files.read(convert.parent / 'detect/metrics.json')['splits']['test']
    assert (measured['images'], measured['localisation_accuracy']) == (12, 0.75)


def test_a_set_without_boxes_is_said_and_goes_on_with_whole_images(convert, capsys):
    without_boxes(convert)
    assert run(convert, '--config', 'faster-rcnn_r18_fpn', '--if-boxes') == 0
    text = capsys.readouterr().out
    assert '[detect] no box is annotated in train and val, so no detector is trained; the images are taken w' in text
    assert 'BOXES_FROM' in text and not (convert.parent / 'detect').exists()
    assert crop.main(['--coco', str(convert), '--detections', str(convert.parent / 'detect/detections.json'), '--out',
                      str(convert.parent / 'crop'), '--workers', '1']) == 0
    assert len(lineage.read_list(convert.parent / 'crop/full_train.json')[1]) == 21
    assert not (convert.parent / 'crop/square_train.json').exists()

    assert run(convert, '--config', 'faster-rcnn_r18_fpn') == 2
    assert 'train.json: expected annotated boxes, to train a detector with, found none' in capsys.readouterr().err


def test_boxes_that_were_given_before_are_kept(convert, tmp_path, capsys):
    rows = annotated(convert)
    without_boxes(convert)
    run(convert, '--boxes-from', table(tmp_path / 'boxes.csv', rows))
    assert run(convert, '--config', 'faster-rcnn_r18_fpn', '--if-boxes') == 0
    assert 'the boxes of an earlier run are kept' in capsys.readouterr().out
    assert (convert.parent / 'detect/detections.json').is_file()


def test_what_is_not_there_is_named(convert, tmp_path, capsys):
    (tmp_path / 'run/convert').mkdir(parents=True)
    for source, message in ((tmp_path / 'nowhere.csv', 'nowhere.csv: expected boxes, or another run, found nothing'),
                            (tmp_path / 'run', 'run: expected a run with a trained detector (models/detect/RECIPE/')):
        assert run(convert, '--boxes-from', source) == 2
        assert message in capsys.readouterr().err
    for recipe in ('one', 'two'):
        (tmp_path / 'run/models/detect' / recipe).mkdir(parents=True)
        (tmp_path / 'run/models/detect' / recipe / 'model.pth').touch()
    assert run(convert, '--boxes-from', tmp_path / 'run') == 2
    assert 'found one and two\n  remedy: name the folder of one of them' in capsys.readouterr().err
    assert not (convert.parent / 'detect').exists()
    with pytest.raises(SystemExit):
        run(convert)
    assert 'one of --config and --boxes-from is needed' in capsys.readouterr().err


def test_the_detector_that_another_run_used_is_taken(tmp_path):
    for recipe in ('one', 'two'):
        (tmp_path / 'models/detect' / recipe).mkdir(parents=True)
        (tmp_path / 'models/detect' / recipe / 'model.pth').touch()
    (tmp_path / 'detect').mkdir()
    json_files.write(tmp_path / 'detect/metrics.json', dict(config='mm_configs/detect/two.py'))
    assert workspace.trained_detector(tmp_path).name == 'two'
    assert workspace.trained_detector(tmp_path / 'models/detect/one').name == 'one'


def test_an_unknown_source_of_a_detection_is_refused():
    coco_rows.detection(dict(image_id=1, bbox=[0, 0, 1, 1], score=1, source='transferred'), 'x', 'y')
    with pytest.raises(InputError, match='x, source: expected det, given or transferred'):
        coco_rows.detection(dict(image_id=1, bbox=[0, 0, 1, 1], score=1, source='guessed'), 'x', 'y')


PER_CLASS = (ROOT / 'mm_configs/detect/faster-rcnn_mobilenet-v2_fpn_per-class.py').read_text()


@pytest.mark.mm
@pytest.mark.parametrize('recipe', ['agnostic', 'per-class'])
def test_another_runs_detector_gives_the_boxes_that_it_gives_there(convert, toy_birds_coco, tmp_path, recipe, capsys):
    """Applied to the very images that it was trained with it says the same; applied to birds it is marked."""
    config = tmp_path / f'{recipe}.py'
    config.write_text(f"_base_ = '{ROOT}/mm_configs/detect/faster-rcnn_r18_fpn.py'\n" + (
        PER_CLASS[PER_CLASS.index('class_agnostic'):] if recipe == 'per-class' else
        'train_dataloader = dict(batch_size=3)\n'))
    assert run(convert, '--config', config, '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1') == 0
    own = json.loads((convert.parent / 'detect/detections.json').read_text())
    assert own and {row.get('source', 'det') for row in own} == {'det'}
    without_boxes(convert)
    assert detect.main(['--coco', str(convert), '--out', str(tmp_path / 'again'), '--boxes-from',
                        str(convert.parent)]) == 0
    found = json.loads((tmp_path / 'again/detections.json').read_text())
    assert [row['image_id'] for row in found] == [row['image_id'] for row in own]
    assert np.allclose([row['bbox'] for row in found], [row['bbox'] for row in own], atol=0.02)
    assert {(row['source'], row['category_id']) for row in found} == {('transferred', 1)}

    assert detect.main(['--coco', str(toy_birds_coco), '--out', str(tmp_path / 'birds/detect'), '--boxes-from',
                        str(convert.parent)]) == 0
    metrics = json_files.read(tmp_path / 'birds/detect/metrics.json')
    assert metrics['box_source'] == 'transferred' and metrics['boxes_from'] == dict(name=f'work/{recipe}')
    assert metrics['splits']['test']['images'] == 12 and 'coco' in metrics['splits']['test']
    assert '[detect] boxes by the detector of work/' in capsys.readouterr().out
