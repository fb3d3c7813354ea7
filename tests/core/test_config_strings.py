from pathlib import Path

import pytest

from pipelines.openmm.engine.config_strings import strings

BASE = """'''Docstring with x://words.'''
model = dict(backbone=dict(depth=50, init_cfg=dict(type='Pretrained', checkpoint='x://one')), head={'start': 'x://two'})
load_from = None
"""


@pytest.mark.parametrize('child, expected', [
    ('', ['x://one', 'x://two']),
    ("model = dict(backbone=dict(init_cfg=dict(checkpoint='x://other')))", ['x://other', 'x://two']),
    ('model = dict(backbone=dict(init_cfg=None))', ['x://two']),
    ("model = dict(backbone=dict(_delete_=True, type='ResNet'))", ['x://two']),
    ("model = dict(head=dict(start=['x://a', dict(b='x://b')]))", ['x://a', 'x://b', 'x://one']),
    ("load_from = 'x://three'", ['x://one', 'x://three', 'x://two']),
    ('model = dict(backbone=dict())', ['x://one', 'x://two']),
    ('model = _base_.model', ['x://one', 'x://two']),
    ("model = dict(_base_.model, head='x://three')", ['x://one', 'x://three', 'x://two']),
    ("_base_.model.head.start = 'x://three'", ['x://one', 'x://three', 'x://two']),
    ("'''x://words'''", ['x://one', 'x://two']),
], ids=range(11))
def test_children_have_their_say(tmp_path: Path, child: str, expected: list[str]):
    (tmp_path / 'base.py').write_text(BASE)
    (tmp_path / 'leaf.py').write_text(f"_base_ = './base.py'\n{child}\n")
    assert strings(tmp_path / 'leaf.py', 'x://') == expected
