from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from data_converters import convert
from pipelines import crop, report
from pipelines.core import manifest
from pipelines.reporting import commands
from pipelines.reporting.found import Found, Model, One
from pipelines.reporting.stages import CLASSIFY, CROP, DETECT, SYNTH
from tests.reporting.html_page import Page

ROOT = Path(__file__).resolve().parents[2]


def _found(**parameters: dict) -> Found:
    kinds = dict(detect=DETECT, crop=CROP, synth=SYNTH, classify=CLASSIFY)
    return Found(Path('cub'), tuple(One(kinds[stage], stage, Path(stage), {}, dict(parameters=values, versions={}))
                                    for stage, values in parameters.items()), ())


def test_the_make_line_has_what_decides_the_results():
    made = _found(detect=dict(config='mm_configs/detect/a.py'),
                  crop=dict(boxes=dict(train='gt', val='gt', test='gt'), size=64),
                  synth=dict(config='mine/b.py', images_per_class=20),
                  classify=dict(rows=['c@full', 'd@square+b'], configs=['mm_configs/classify/c.py', 'mine/d.py'],
                                seeds=[0, 1]))
    assert commands.make_lines(made) == [
        'make report DATASET=cub RAW=RAW DETECT=a BOXES=train=gt,val=gt,test=gt CROP_SIZE=64 '
        "ROWS='c@full mine/d.py@square+b' SEEDS='0 1' SYNTH=mine/b.py IMAGES_PER_CLASS=20"]
    assert commands.make_lines(Found(Path('toy-dogs'), (), ())) == ['make report DATASET=toy-dogs']


def test_every_generator_has_its_make_line():
    one, other = (One(SYNTH, f'synth/{name}', Path(name), {}, dict(parameters=dict(
        config=f'mm_configs/synth/{name}.py'), versions={})) for name in ('gan', 'dcgan'))
    made = _found(crop=dict(size=64), classify=dict(rows=['c@square+gan'], seeds=[0]))
    assert commands.make_lines(Found(Path('cub'), (*made.results, one, other), ())) == [
        'make synth DATASET=cub RAW=RAW CROP_SIZE=64 SYNTH=gan',
        'make report DATASET=cub RAW=RAW CROP_SIZE=64 ROWS=c@square+gan SEEDS=0 SYNTH=dcgan']


def test_a_command_is_what_the_shell_reads():
    """With what only the training's manifest says: processes, overrides, variables that the config reads."""
    one = One(DETECT, 'detect', Path('detect'), dict(config="mine/it's.py"), dict(
        parameters=dict(config="mine/it's.py", seed=0, config_sha256='ab')))
    run = Model("detect/it's", [], '', dict(parameters=dict(
        options=['model.head.topk=(1,)', 'a b=c'], environment=dict(LR='0.1', UNSET=None), processes=4),
                                          made=[dict(device='CPU', threads=3)]))
    found = Found(Path('cub'), (one,), (run, Model('detect/other', [], '', dict(parameters=dict(processes=8)))))
    assert shlex.split(commands.command(found, one)) == [
        'OMP_NUM_THREADS=3', 'LR=0.1', 'python', '-m', 'pipelines.detect', '--coco', 'WORK/convert', '--out',
        'WORK/detect', '--config', "mine/it's.py", '--seed', '0', '--gpus', '4', '--cfg-options',
        'model.head.topk=(1,)', 'a b=c']
    assert shlex.split(commands.make_lines(found)[0]) == [
        'LR=0.1', 'make', 'report', 'DATASET=cub', 'RAW=RAW', "DETECT=mine/it's.py", 'GPUS=4']
    assert commands.beyond_make(found) == ['detect']


def _typed(page: Path, raw: Path, work: Path) -> list[list[str]]:
    """The page's commands, with the folders filled in."""
    shown = Page(page.read_text(encoding='utf-8'))
    table = next(rows for rows in shown.tables.values() if rows[0] == ['result', 'command'])
    return [[word.replace('WORK', str(work)) if word.startswith('WORK') else str(raw) if word == 'RAW' else word
             for word in shlex.split(row[1])] for row in table[1:]]


def _run(lines: list[list[str]]) -> None:
    for line in lines:
        python = line.index('python')
        done = subprocess.run([sys.executable, *line[python + 1:]], cwd=ROOT, capture_output=True, text=True,
                              env=os.environ | dict(PYTHONPATH=str(ROOT)) | dict(
                                  word.split('=', 1) for word in line[:python]))
        assert done.returncode == 0, f'{shlex.join(line)}\n{done.stderr[-2000:]}'


def _manifests(root: Path) -> dict[str, dict]:
    return {path.parent.relative_to(root).as_posix(): json.loads(path.read_text())
            for path in root.glob('**/' + manifest.NAME) if 'report' not in path.parts}


@pytest.mark.parametrize(('converted', 'cropped'), [
    ([], ['--boxes', 'gt']),
    (['--val-share', '0.3', '--seed', '1', '--verify'],
     ['--boxes', 'val=gt', '--size', '64', '--min-size', '20', '--quality', '90', '--kinds', 'square-m30', 'box-gt'])])
def test_the_commands_on_the_page_make_the_same_again(toy_dogs_raw, tmp_path, converted, cropped):
    """Typed in an empty WORK, they give the same manifests: parameters, inputs and outputs, byte by byte."""
    first, second = tmp_path / 'first/toy-dogs', tmp_path / 'second/toy-dogs'
    assert convert.main(['--dataset', 'toy-dogs', '--raw', str(toy_dogs_raw), '--out', str(first / 'convert'),
                         *converted]) == 0
    (first / 'detect').mkdir()
    (first / 'detect/detections.json').write_text('[{"image_id": 1, "category_id": 1, "bbox": [2, 3, 40, 30], '
                                                  '"score": 0.5}]')
    assert crop.main(['--coco', str(first / 'convert'), '--out', str(first / 'crop'), '--detections',
                      str(first / 'detect/detections.json'), *cropped]) == 0
    report.report(first, first / 'report')
    lines = _typed(first / 'report/index.html', toy_dogs_raw, second)
    (second / 'detect').mkdir(parents=True)
    (second / 'detect/detections.json').write_bytes((first / 'detect/detections.json').read_bytes())
    _run(lines)
    made = _manifests(second)
    assert made.keys() == {'convert', 'crop'} and made == _manifests(first)


@pytest.mark.mm
def test_every_command_on_the_page_makes_the_same_again(toy_dogs_raw, tmp_path):
    """All stages, with overrides that no variable of make has: trained anew, they have the same manifests."""
    first, second = tmp_path / 'first/toy-dogs', tmp_path / 'second/toy-dogs'
    once = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    _run([['python', '-m', module, *map(str, words)] for module, *words in (
        ('data_converters.convert', '--dataset', 'toy-dogs', '--raw', toy_dogs_raw, '--out', first / 'convert'),
        ('pipelines.detect', '--coco', first / 'convert', '--out', first / 'detect', '--config', 'faster-rcnn_r18_fpn',
         '--seed', '1', *once),
        ('pipelines.crop', '--coco', first / 'convert', '--out', first / 'crop', '--detections',
         first / 'detect/detections.json', '--size', '64', '--kinds', 'full', 'square'),
        ('pipelines.synth', '--crops', first / 'crop', '--out', first / 'synth/biggan-deep_64px_400it', '--config',
         'biggan-deep_64px_400it', '--images-per-class', '7', '--classifier-steps', '2',
         '--cfg-options', 'train_cfg.max_iters=1'),
        ('pipelines.classify', '--data', first, '--out', first / 'classify', '--seeds', '0', '1', '--jobs', '1',
         '--rows', 'resnet18_64px@full', 'resnet18_64px@square+biggan-deep_64px_400it', *once),
        ('pipelines.report', '--work', first))])
    _run(_typed(first / 'report/index.html', toy_dogs_raw, second))
    made, wanted = _manifests(second), _manifests(first)
    assert made.keys() == wanted.keys() and len(made) == 15
    for folder, manifest_there in wanted.items():
        assert made[folder] == manifest_there, folder
