"""docs/papers.md: every paper once, models by names of timm and mmpretrain, recipes and stages that are there."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.core.workspace import STAGES

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'docs/papers.md').read_text()
ROWS = [[cell.strip() for cell in line.strip('|').split('|')] for line in TEXT.splitlines() if re.match(r'\| \d', line)]


def test_every_paper_is_there_once():
    assert [int(row[0]) for row in ROWS] == list(range(1, 95))
    counts = {kind: sum(row[2] == kind for row in ROWS) for kind in ('model', 'protocol', 'out of scope')}
    assert counts == {'model': 10, 'protocol': 49, 'out of scope': 35}


def test_what_is_not_out_of_scope_names_a_command_or_says_that_there_is_none():
    for number, _, kind, here in ROWS:
        if kind != 'out of scope':
            assert 'not built' in here or '`' in here or here.startswith('part:'), number


def test_recipes_generators_and_stages_exist():
    recipes = {path.stem for path in (ROOT / 'mm_configs/classify').glob('*.py')}
    sizes = re.findall(r'`(?:vit|resnetrs|crossvit|regnety|inception|nasnet|swin-base-w6|ghostnetv2_)[^`]*`', TEXT)
    for row in ROWS:
        for name in re.findall(r'`([a-z0-9-]+_?[a-z0-9-]*)@', row[3]):
            assert name in recipes, row
        if 'row' in row[3].partition('`')[0]:
            for name in re.findall(r'`([\w-]+)`', row[3].partition(';')[0]):
                assert name in recipes or f'`{name}`' in sizes or name.startswith('-'), row
    assert {word for word in re.findall(r'`make ([a-z-]+)', TEXT)} <= {*STAGES, 'classify'}
    assert (ROOT / 'mm_configs/synth/recombination.py').is_file()


def test_headings_of_the_report_are_its_own():
    template = (ROOT / 'pipelines/reporting/sections/robust.html.j2').read_text()
    for title in set(re.findall(r'"([A-Z][^"]+)"', ' '.join(row[3] for row in ROWS))):
        assert f'<h3>{title}</h3>' in template, title


@pytest.mark.mm
def test_models_are_known_to_timm_and_mmpretrain():
    import timm
    from mmpretrain.apis import list_models

    known = {*timm.list_models(), *timm.list_pretrained(), *list_models()}
    names = [name for row in ROWS if row[2] == 'model' for name in re.findall(r'`([\w.-]+)`', row[3])]
    recipes = {path.stem for path in (ROOT / 'mm_configs/classify').glob('*.py')}
    assert len(names) > 20 and [name for name in names if name not in known | recipes] == []
