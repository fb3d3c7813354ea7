"""The files in which predictions are handed on: MegaDetector's JSON and a table, written a record at a time.

A record is what `pipelines.openmm.chain.files.predict` gives of a file.

Source of the JSON: MegaDetector's batch output, format 1.6 (lila.science/megadetector-output-format). Beyond it, a
detection has ``answer``: level, name, confidence, reason.
"""
from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipelines.core import json_files
from pipelines.core.bundle import Bundle
from pipelines.core.files import replacing

FORMAT = '1.6'
ANIMAL = '1'  # detection category
_FORMULA = ('=', '+', '-', '@', '\t', '\r', '\n')  # a spreadsheet runs cells that begin so
Record = dict[str, Any]


def head(bundle: Bundle, conf: float, sure: float | None) -> dict[str, Any]:
    """MegaDetector's JSON but for ``images``.

    Args:
        conf: threshold of the detections in the file.
        sure: the confidence from which on a class is the answer; None: none is.
    """
    said = bundle.card['detector']
    info: dict[str, Any] = dict(format_version=FORMAT, detector=said['recipe'] if said else 'none, whole images',
                                classifier=bundle.card['row'],
                                detector_metadata=dict(typical_detection_threshold=conf,
                                                       conservative_detection_threshold=conf))
    if sure is not None:
        info['classifier_metadata'] = dict(typical_classification_threshold=sure)
    return dict(info=info, detection_categories={ANIMAL: 'animal'},
                classification_categories={str(i): name for i, name in enumerate(bundle.classes, start=1)})


@contextlib.contextmanager
def writing_json(path: Path, bundle: Bundle, conf: float, sure: float | None) -> Iterator[Callable[[Record], None]]:
    """Write MegaDetector's JSON with the function that this gives.

    Args:
        conf, sure: see `head`.
    """
    with json_files.writing_lists(path, ['images'], head(bundle, conf, sure)) as append:
        yield lambda record: append('images', json_files.dumps(as_megadetector(record)))


def as_megadetector(record: Record) -> dict[str, Any]:
    """One of ``images``."""
    if 'failure' in record:
        return dict(file=record['file'], detections=None, failure=record['failure'])
    width, height = record['size']
    return dict(file=record['file'], width=width, height=height, detections=[
        dict(category=ANIMAL, conf=1. if row['score'] is None else float(row['score']),
             bbox=_shares(row['box'], width, height),
             classifications=[[str(number + 1), score] for number, score in row['classes']],
             answer=row['answer']) for row in record['animals']])


def _shares(box: Sequence[float], width: int, height: int) -> list[float]:
    """xyxy in pixels -> x, y, width, height as shares of the image, to 1e-6."""
    x1, y1, x2, y2 = box
    return [round(value, 6) for value in (x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)]


def cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands in front of what it would run.

    Source: OWASP, "CSV Injection".
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def columns(top: int) -> list[str]:
    return ['file', 'animal', 'answer', 'level', 'confidence', 'reason', 'detection_score', 'x', 'y', 'w', 'h', 'width',
            'height', *(f'{name}_{rank}' for rank in range(1, top + 1) for name in ('class', 'score'))]


@contextlib.contextmanager
def writing_csv(path: Path, classes: Sequence[str], top: int) -> Iterator[Callable[[Record], None]]:
    """Write a table with the function that this gives: a row for every animal, and one for a file without any."""
    with replacing(path) as stream:
        write = csv.writer(stream, lineterminator='\n')
        write.writerow(columns(top))
        yield lambda record: write.writerows(as_rows(record, classes))


def as_rows(record: Record, classes: Sequence[str]) -> Iterator[list[Any]]:
    """The table's rows of a file; x, y, w, h in pixels of the photograph."""
    name = cell(record['file'])
    if 'failure' in record:
        yield [name, '', '', 'failure', '', cell(record['failure'])]
        return
    if not record['animals']:
        yield [name, 0, '', 'empty', '', 'no animal was found', *[''] * 5, *record['size']]
    for number, row in enumerate(record['animals'], start=1):
        (x1, y1, x2, y2), answer = row['box'], row['answer']
        listed = [value for index, score in row['classes'] for value in (cell(classes[index]), score)]
        yield [name, number, cell(answer['name']), answer['level'], answer['confidence'], cell(answer['reason']),
               '' if row['score'] is None else row['score'], x1, y1, round(x2 - x1, 2), round(y2 - y1, 2),
               *record['size'], *listed]
