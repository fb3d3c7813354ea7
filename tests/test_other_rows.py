"""Rows that start from another row's model: ``model://ROW``."""
from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS

from pipelines import classify, runs, trainings
from pipelines.core import coco, json_files, manifest
from pipelines.core.errors import InputError
from pipelines.core.fingerprint import sha256
from pipelines.core.rows import Row
from pipelines.openmm.compat import scope
from pipelines.openmm.engine import lint
from pipelines.openmm.weights import fit, parents

BASE = Path(__file__).resolve().parents[1] / 'mm_configs/classify/resnet18_64px.py'
ONE_EPOCH = ('train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'default_hooks.logger.interval=1')


@pytest.fixture
def recipe(tmp_path):
    """Write a child of ResNet-18 at 64 px; its second line is the first of these."""
    def write(name: str, *lines: str) -> Path:
        path = tmp_path / f'{name}.py'
        path.write_text('\n'.join((f"_base_ = '{BASE}'", *lines)) + '\n')
        return path
    return write


def start(row: str) -> str:
    return f"load_from = 'model://{row}'"


def test_a_row_is_named_by_its_recipe_and_its_images(recipe):
    teacher, other = recipe('teacher', 'train_cfg = dict(max_epochs=2)'), recipe('other')
    student = recipe('student', start('teacher'), "model = dict(backbone=dict(init_cfg=dict("
                     "type='Pretrained', checkpoint='model://resnet50@square-m30')))")
    found = {parent.name: parent for parent in parents.of(Row.parse(f'{student}@box'), [
        f'x=[1,model://{other}@full]', 'y=2'])}
    assert {name: parent.row.name for name, parent in found.items()} == {
        'teacher': 'teacher@box', 'resnet50@square-m30': 'resnet50@square-m30', f'{other}@full': 'other@full'}
    assert found['teacher'].row.config == teacher and found['teacher'].where == f'{student}:2, load_from'
    assert found[f'{other}@full'].where == '--cfg-options, x'
    assert parents.of(Row.parse(f'{teacher}@box')) == []


def test_rows_are_trained_after_those_that_they_start_from(recipe):
    recipe('a'), recipe('b', start('a')), recipe('c', start('b')), recipe('d', start('a@square'))
    wanted = [runs.Run(Path('w'), Row.parse(f'{recipe("c", start("b")).with_name(name)}.py@full'), seed, Path('m'))
              for name in ('c', 'd') for seed in (0, 1)]
    ordered = trainings.with_ancestors(wanted)
    assert [run.name for run in ordered] == [
        'a@full-seed0', 'b@full-seed0', 'c@full-seed0', 'a@full-seed1', 'b@full-seed1', 'c@full-seed1',
        'a@square-seed0', 'd@full-seed0', 'a@square-seed1', 'd@full-seed1']
    started, lock = [], threading.Lock()
    done: set[str] = set()

    def train(run: runs.Run) -> None:
        with lock:
            started.append((run.name, {parent.name for parent in run.parents().values()} <= done))
        with lock:
            done.add(run.name)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(trainings.in_order(ordered, lambda run: pool.submit(train, run), 10))) == 10
    assert sorted(name for name, _ in started) == sorted(run.name for run in ordered)
    assert all(after for _, after in started)


@pytest.mark.parametrize(('lines', 'where', 'expected', 'found'), [
    ([start('resnet49')], 'b.py:2, load_from, model://resnet49', 'a config in mm_configs/classify', 'nothing'),
    ([start('resnet50@crops')], 'b.py:2, load_from, model://resnet50@crops', 'a kind of crop', "'crops'"),
    (['model = dict(', "    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='model://c')))"],
     'c.py:2, load_from, model://b', 'a row that does not start from c@full itself', 'b@full -> c@full -> b@full'),
    ([start('b')], 'b.py:2, load_from, model://b', 'a row that does not start from b@full itself',
     'b@full -> b@full')])
def test_an_unknown_row_and_a_circle_are_errors_of_a_line(recipe, toy_dogs_coco, lines, where, expected, found):
    recipe('c', start('b'))
    path = recipe('b', *lines)
    (finding,) = lint.findings(path, data_root=toy_dogs_coco, work=toy_dogs_coco.parent,
                               categories=coco.read(toy_dogs_coco / 'train.json').categories)
    assert re.sub(r'^[^,]*/', '', str(finding.parts['where'])) == where
    assert finding.parts['expected'].startswith(expected) and finding.parts['found'] == found


def test_lint_accepts_a_row_and_refuses_it_for_a_detector(recipe, toy_dogs_coco, tmp_path):
    def found(path: Path) -> list[str]:
        return [str(finding) for finding in lint.findings(
            path, data_root=toy_dogs_coco, work=toy_dogs_coco.parent,
            categories=coco.read(toy_dogs_coco / 'train.json').categories)]

    assert found(recipe('b', start('resnet18_64px@square'))) == []
    detector = tmp_path / 'detector.py'
    detector.write_text(f"_base_ = '{BASE.parents[1]}/detect/faster-rcnn_r18_fpn.py'\n{start('resnet18_64px')}\n")
    (said,) = found(detector)
    assert 'detector.py:2, load_from, model://resnet18_64px: expected weights://NAME' in said


def test_two_recipes_of_one_name_are_refused(recipe, tmp_path):
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/a.py').write_text(f"_base_ = '{BASE}'\n")
    one = runs.Run(Path('w'), Row.parse(f'{recipe("a")}@full'), 0, Path('m'))
    two = runs.Run(Path('w'), Row.parse(f'{recipe("b", start(f"{tmp_path}/other/a.py"))}@full'), 0, Path('m'))
    with pytest.raises(InputError, match='expected one recipe of the name a, found .*a.py, too'):
        trainings.with_ancestors([one, two])


def test_files_take_the_place_of_names_wherever_they_stand(tmp_path):
    model = tmp_path / 'model.pth'
    cfg = Config(dict(load_from='model://a', model=dict(parts=[dict(teacher='model://b@box'), 1], kept='weights://c')))
    with pytest.raises(InputError, match='(?s)model://a: expected the model.pth of that row.*make classify ROWS=a'):
        parents.resolve(cfg, dict(a=model))
    model.touch()
    parents.resolve(cfg, {'a': model, 'b@box': model})
    assert cfg.load_from == cfg.model.parts[0].teacher == str(model) and cfg.model.kept == 'weights://c'
    assert parents.is_file(cfg.load_from) and not parents.is_file('model://a') and not parents.is_file('weights://a')


def test_make_plan_measures_a_teacher_and_a_pruned_network(recipe, toy_dogs_work):
    """With random weights, as no row is trained yet."""
    from tools.bench import train_sides
    student = recipe('student', "model = dict(type='DistilledClassifier', teacher='model://resnet18_64px')")
    half = recipe('half', "model = dict(type='PrunedClassifier', parent='model://resnet18_64px', ratio=0.5)")
    built = {path.stem: MODELS.build(train_sides.ours(path, toy_dogs_work, None, stage='classify', num_classes=3).model)
             for path in (student, half, BASE)}
    assert len(built['student']._teacher) == 1
    sizes = {name: sum(value.numel() for value in network.parameters()) for name, network in built.items()}
    assert sizes['student'] == sizes['resnet18_64px'] > 3.5 * sizes['half']


@pytest.mark.mm
def test_a_row_starts_from_the_same_seeds_model(recipe, toy_dogs_work, tmp_path, capsys):
    """Weights, manifest, table and report; and what a change of the parent does."""
    recipe('before', 'pretraining = True', "val_dataloader = val_cfg = val_evaluator = None",
           'default_hooks = dict(checkpoint=dict(save_best=None))')
    after = recipe('after', start('before'), "optim_wrapper = dict(optimizer=dict(lr=0., weight_decay=0.))")
    rows, models = [Row.parse(f'{after}@full')], tmp_path / 'models/classify'

    def make() -> str:
        classify.classify(toy_dogs_work, tmp_path / 'classify', models, table_rows=rows, seeds=[0], jobs=1,
                          tested=False, options=ONE_EPOCH)
        return capsys.readouterr().out

    assert 'not compared: before@full' in make()
    before, done = (models / f'{name}@full-seed0' for name in ('before', 'after'))
    old, new = (torch.load(folder / 'model.pth')['state_dict'] for folder in (before, done))
    same = [name for name in old if 'running' not in name and 'num_batches' not in name]
    assert len(same) > 50 and all(old[name].equal(new[name]) for name in same)
    inputs = {row['path']: row['sha256'] for row in manifest.load(done)['inputs']}
    assert inputs['models/classify/before@full-seed0/model.pth'] == sha256(before / 'model.pth')
    assert "load_from = 'model://before'" in (done / 'config.py').read_text()
    assert not (before / 'val.json').exists() and (before / 'metrics.jsonl').read_text()
    table = json_files.read(tmp_path / 'classify/table.json')
    assert [row['name'] for row in table['rows']] == ['after@full']
    assert [row['name'] for row in table['starts']] == ['before@full']
    assert '2 of 2 runs are up to date' in make()
    recipe('before', 'pretraining = True', "val_dataloader = val_cfg = val_evaluator = None",
           'default_hooks = dict(checkpoint=dict(save_best=None))', 'optim_wrapper = dict(optimizer=dict(lr=1e-3))')
    said = make()
    assert '[classify: after@full-seed0] again, for input models/classify/before@full-seed0/config.py, input' in said
    with pytest.raises(InputError, match='expected a row that classifies, found before@full'):
        classify.classify(toy_dogs_work, tmp_path / 'none', models, seeds=[0],
                          table_rows=[Row.parse(f'{after.with_name("before.py")}@full')])


def test_a_row_with_other_inputs_than_its_parent_is_refused(tmp_path):
    """Of weights that a part starts from, and of a whole model."""
    scope.enter('mmpretrain')
    (tmp_path / 'config.py').write_text(
        'model = dict(data_preprocessor=dict(mean=[128.] * 3, std=[64.] * 3, to_rgb=True))')

    def network(std: float, rgb: bool) -> torch.nn.Module:
        return MODELS.build(dict(
            type='ImageClassifier', data_preprocessor=dict(mean=[128.] * 3, std=[std] * 3, to_rgb=rgb),
            backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, init_cfg=dict(
                type='Pretrained', checkpoint=str(tmp_path / 'model.pth'), prefix='backbone')),
            neck=dict(type='GlobalAveragePooling'), head=dict(type='LinearClsHead', in_channels=64, num_classes=3)))

    torch.save(dict(state_dict=network(64., True).state_dict()), tmp_path / 'model.pth')
    fit.check_fit(network(64., True))
    for std, rgb, found in ((1., True, 'RGB'), (64., False, 'BGR')):
        with pytest.raises(InputError, match=rf'model.pth: expected inputs as in its training: RGB, .* found {found}'):
            fit.check_fit(network(std, rgb))
