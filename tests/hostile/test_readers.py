"""Readers of people's own data on any bytes: a result or an InputError that names a file, and nothing else.

hypothesis edits the lists and annotations of a good dataset; ``FGIC_COUNTS=full`` runs 250 examples for each.
"""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_converters.convert import convert
from pipelines.core import coco
from pipelines.core.errors import InputError
from tests import layouts
from tests.hostile import EDITS, FULL, edited

ALL = layouts.GIVEN | layouts.WITHOUT_VAL
EXAMPLES = 250 if FULL else 12
IMAGES = ('.jpg', '.jpeg')
TEXTS = ('metadata.csv', 'metadata.jsonl', 'COCO', 'COCO, Roboflow', 'YOLO', 'YOLO, darknet', 'VOC', 'VOC, CVAT',
         'NABirds', 'aircraft', 'cars', 'pets')


@pytest.fixture(scope='module')
def written(tmp_path_factory, toy_birds_coco) -> dict[str, Path]:
    """By layout, a good dataset of three images a split and class at most."""
    pictures = [picture for i, picture in enumerate(layouts.of(toy_birds_coco)) if picture.split == 'val' or i % 2]
    folders = {}
    for name in TEXTS:
        folders[name] = tmp_path_factory.mktemp('layout') / 'raw'
        ALL[name][1](pictures, folders[name])
    return folders


@pytest.mark.parametrize('name', TEXTS)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS, place=st.floats(0, 1, exclude_max=True))
def test_any_bytes_are_converted_or_refused(written, tmp_path, name, edits, place):
    raw = written[name]
    texts = sorted(path for path in raw.rglob('*') if path.is_file() and path.suffix not in IMAGES)
    path = texts[int(place * len(texts))]
    before = path.read_bytes()
    path.write_bytes(edited(before, edits))
    try:
        convert('own', raw, tmp_path / 'out', layout=ALL[name][0], max_bad=1)
        assert all(part.images for part in coco.read_splits(tmp_path / 'out').values())
    except InputError as error:
        assert error.parts['where'] and error.parts['found'] and error.parts['remedy']
    finally:
        path.write_bytes(before)
        shutil.rmtree(tmp_path / 'out', ignore_errors=True)
