"""The files that predictions are handed on in: MegaDetector's format to the letter, and a table that runs nothing."""
from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pipelines.core import predictions
from pipelines.core.bundle import Bundle

CLASSES = ['=cmd()', 'owl', 'hen']


def answer(level: str = 'class', name: str = 'owl') -> dict:
    return dict(level=level, name=name, confidence=0.9, reason='' if level == 'class' else 'owl, 0.40: below 0.80')


RECORDS = [
    dict(file='a/1.jpg', size=[200, 100], animals=[
        dict(box=[20., 10., 120., 60.], score=0.98765, crop=[0, 0, 100, 100], answer=answer(),
             classes=[[1, 0.9], [0, 0.1]]),
        dict(box=[0., 0., 200., 100.], score=0.5, crop=[0, 0, 100, 100], answer=answer('none', ''),
             classes=[[0, 0.4], [2, 0.3]])]),
    dict(file='-2.jpg', size=[10, 10], animals=[]),
    dict(file='3.jpg', failure='expected an undamaged image, found nothing'),
    dict(file='4.jpg', size=[10, 20], animals=[
        dict(box=[0., 0., 10., 20.], score=None, crop=[0, 0, 10, 20], answer=answer(name='=cmd()'),
             classes=[[0, 1.]])])]


@pytest.fixture
def written(tmp_path) -> Path:
    card = dict(classes=CLASSES, row='x@square', detector=dict(recipe='faster-rcnn'))
    with predictions.writing_json(tmp_path / 'p.json', Bundle(tmp_path, card), 0.4, 0.8) as as_json, \
            predictions.writing_csv(tmp_path / 'p.csv', CLASSES, 2) as as_csv:
        for record in RECORDS:
            as_json(record)
            as_csv(record)
    return tmp_path


def test_the_json_is_megadetectors(written):
    """The rules of format 1.6, as its document states them."""
    content = json.loads((written / 'p.json').read_text())
    assert content['info']['format_version'] == '1.6' and content['detection_categories'] == {'1': 'animal'}
    assert content['info']['detector_metadata']['typical_detection_threshold'] == 0.4
    assert content['classification_categories'] == {'1': '=cmd()', '2': 'owl', '3': 'hen'}
    first, empty, failed, whole = content['images']
    assert first['detections'][0]['bbox'] == [0.1, 0.1, 0.5, 0.5] and first['detections'][0]['conf'] == 0.98765
    assert first['detections'][0]['classifications'] == [['2', 0.9], ['1', 0.1]]
    assert first['detections'][1]['answer']['level'] == 'none'
    assert empty['detections'] == [] and 'failure' not in empty
    assert failed['detections'] is None and failed['failure'].startswith('expected')
    assert whole['detections'][0]['conf'] == 1. and whole['detections'][0]['bbox'] == [0, 0, 1, 1]
    for image in content['images']:
        for found in image['detections'] or ():
            assert isinstance(found['conf'], float) and found['category'] in content['detection_categories']
            scores = [score for _, score in found['classifications']]
            assert scores == sorted(scores, reverse=True)
            assert {number for number, _ in found['classifications']} <= set(content['classification_categories'])


def test_megadetectors_own_validator_accepts_it(written):
    validator = pytest.importorskip('megadetector.postprocessing.validate_batch_results',
                                    reason='pip install megadetector, in an environment of its own')
    options = validator.ValidateBatchResultsOptions()
    options.raise_errors = True
    found = validator.validate_batch_results(str(written / 'p.json'), options)['validation_results']
    assert found['errors'] == [] and found['warnings'] == []


def test_the_table_has_a_row_for_every_animal_and_runs_nothing(written):
    with (written / 'p.csv').open(newline='') as stream:
        rows = list(csv.DictReader(stream))
    assert [(row['file'], row['animal'], row['level']) for row in rows] == [
        ('a/1.jpg', '1', 'class'), ('a/1.jpg', '2', 'none'), ("'-2.jpg", '0', 'empty'), ('3.jpg', '', 'failure'),
        ('4.jpg', '1', 'class')]
    assert (rows[0]['x'], rows[0]['y'], rows[0]['w'], rows[0]['h']) == ('20.0', '10.0', '100.0', '50.0')
    assert rows[0]['class_2'] == rows[4]['answer'] == "'=cmd()" and rows[4]['detection_score'] == ''
    assert rows[3]['reason'] == 'expected an undamaged image, found nothing'


@pytest.mark.parametrize('text', ['=1+1', '+1', '-1', '@x', '\tx', '\rx'])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text):
    assert predictions.cell(text) == f"'{text}" and predictions.cell(f'a{text}') == f'a{text}'
