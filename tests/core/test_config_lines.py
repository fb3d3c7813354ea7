from pathlib import Path

import pytest

from pipelines.openmm.engine import config_lines

BASE = '''"""A base."""
load = [dict(type='Load'),
        dict(type='Resize', scale=64)]
pipeline = [*load,
            dict(type='Flip')]
train = dict(dataset=dict(
    ann_file='train.json',
    pipeline=pipeline))
val = test = dict(batch=1)
model = dict(
    head=dict(classes=3))
'''
CHILD = '''"""A child."""
_base_ = './base.py'
_base_.train.dataset.pipeline[1].scale = 32
val, test = [dict(batch=2)] * 2
_base_.model.update(
    depth=50)
'''


@pytest.fixture
def child(tmp_path: Path) -> Path:
    (tmp_path / 'base.py').write_text(BASE)
    (tmp_path / 'child.py').write_text(CHILD)
    return tmp_path / 'child.py'


@pytest.mark.parametrize(('key', 'name', 'line'), [
    ('train.dataset.ann_file', 'base.py', 7),
    ('train.dataset.pipeline.0.type', 'base.py', 2),      # through a variable and *load
    ('train.dataset.pipeline.2.type', 'base.py', 5),
    ('train.dataset.pipeline.1.scale', 'child.py', 3),    # in place
    ('train.dataset.pipeline.1.type', 'base.py', 3),
    ('test.batch', 'child.py', 4),                        # one of several names
    ('model.depth', 'child.py', 6),
    ('model.head.classes', 'base.py', 11),
    ('model.head.other', 'base.py', 11),                  # not said there: what holds it is
])
def test_the_line_that_sets_a_key(child, key, name, line):
    assert config_lines.find(child, key) == (child.with_name(name), line)


def test_a_slice_counts_from_its_place(child):
    child.write_text("_base_ = './base.py'\n_base_.train.dataset.pipeline[1:1] = [\n    dict(type='Grey'),\n"
                     "    dict(type='Blur')]\n")
    assert config_lines.find(child, 'train.dataset.pipeline.2.type') == (child, 4)


def test_what_no_local_file_says_is_named_without_a_line(child, monkeypatch):
    assert config_lines.find(child, 'optimizer.lr') is None
    monkeypatch.chdir(child.parent)
    assert config_lines.place(child, 'optimizer.lr') == f'{child}, optimizer.lr'
    assert config_lines.place(child, 'test.batch') == 'child.py:4, test.batch'
