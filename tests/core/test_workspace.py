"""Make, documents, report, faults and results say of stages, folders and files what `core/workspace.py` says."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipelines.core import ledger, shards
from pipelines.core.rows import Row
from pipelines.core.workspace import BESIDE, STAGES, Workspace
from pipelines.crop import crop, parse_boxes
from pipelines.reporting import stages as shown
from pipelines.runs import Run
from tests.written import expanded, files, strangers
from tools.faults import chain

ROOT = Path(__file__).resolve().parents[2]


def test_a_stage_comes_after_what_it_needs():
    names = list(STAGES)
    assert all(names.index(need) < names.index(stage.name) for stage in STAGES.values() for need in stage.needs)


def test_make_runs_the_stages_in_this_order_into_these_folders():
    done = subprocess.run(['make', '-n', 'report', 'DATASET=mine', 'RAW=x', 'WORK=w', 'PROFILE=laptop', 'GPUS=0',
                           'SYNTH=one', 'ROWS=a@square+one'], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = re.findall(r'-m ([\w.]+) .*?--out (\S+)', done.stdout.replace('\\\n', ' '))
    work = Workspace(Path('w/mine'))
    assert [(module, out) for module, out in commands if out != f'{work.root}/check'] == [
        (stage.module, str(work.folder(stage.name, 'one'))) for stage in STAGES.values() if not stage.asked]
    assert ('tools.lint_configs', f'{work.root}/check') in commands


def test_the_formats_document_has_the_same_folders_and_files():
    tree = re.search(r'\n    \$\(WORK\)/<dataset>/\n(.*?)\n\n', (ROOT / 'docs/formats.md').read_text(), re.DOTALL)[1]
    lines: list[list[str]] = []
    for line in tree.splitlines():
        if line.startswith(' ' * 8):
            lines[-1] += line.split()
        else:
            lines.append(line.split())
    documented = {words[0].partition('/')[0]: words[1:] for words in lines}
    assert set(documented) == {*STAGES, *BESIDE}
    for stage in STAGES.values():
        said = {re.sub(r'<\w+>|KIND', '*', name).rstrip('/') for word in documented[stage.name]
                for name in expanded(word) if '/' in word or '.' in word}
        wanted = {pattern for pattern in files(stage) if '.' in pattern}
        assert {name for name in said if '.' in name} == {name.replace('*.*', '*.jpg') for name in wanted}, stage.name


def test_the_report_the_faults_and_the_import_rules_know_the_same_stages():
    assert [kind.stage for kind in shown.ALL] == [
        name for name, stage in STAGES.items() if name != 'report' and not stage.asked]
    layers = (ROOT / 'setup.cfg').read_text()
    assert all(stage.module in layers for stage in STAGES.values() if stage.module.startswith('pipelines.'))
    by_module = {stage.module: stage for stage in STAGES.values()}
    for stage in chain.STAGES.values():
        known = by_module[stage.module]
        recipe = Path(stage.out).name
        assert Path(stage.out) in (Workspace(Path()).folder(known.name, recipe),
                                   Workspace(Path()).model(known.name, recipe))


def test_what_lies_beside_the_stages(tmp_path):
    work = Workspace(tmp_path)
    run = Run(tmp_path, Row.parse('resnet50@full'), 0, work.model('classify', ''))
    places = [run.folder, run.tested, work.tried('detect', 'x'), tmp_path / ledger.NAME]
    assert {path.relative_to(tmp_path).parts[0] for path in places} <= set(BESIDE)
    assert run.tested.relative_to(tmp_path).parts[:2] == ('models', 'tested')


def test_convert_and_crop_write_nothing_else(toy_dogs_coco, tmp_path):
    crop(toy_dogs_coco, tmp_path / 'crop', by_split=parse_boxes('gt'), size=64, engine=shards.Engine(1))
    assert strangers(toy_dogs_coco, 'convert') == strangers(tmp_path / 'crop', 'crop') == []
    (tmp_path / 'crop/other.txt').touch()
    assert [path.name for path in Workspace(tmp_path).results('crop')] == ['summary.json']


@pytest.mark.parametrize(('several', 'place'), [('synth', 'synth/one/metrics.json'), ('detect', 'detect/metrics.json')])
def test_results_are_found(tmp_path, several, place):
    assert Workspace(tmp_path).results(several) == []
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    assert Workspace(tmp_path).results(several) == [tmp_path / place]
