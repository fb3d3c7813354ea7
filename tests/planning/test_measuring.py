"""A recipe is measured for real, and the plan's counts are those of a real training."""
from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import runs, trainings
from pipelines.core import machine, seconds
from pipelines.core.rows import Row
from pipelines.crop import crop
from tools.planning import commands, data, estimate, measured, state, taken
from tools.planning.estimate import Known
from tools.planning.measured import Kept, Need, Pictures
from tools.planning.work import Work

pytestmark = pytest.mark.mm


def test_a_plan_before_and_after_a_real_training(tmp_path, toy_dogs_coco, toy_dogs_raw, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setattr(machine, 'cpus', lambda: 1)
    root = tmp_path / 'toy-dogs'
    root.mkdir()
    (root / 'convert').symlink_to(toy_dogs_coco)
    crop(root / 'convert', root / 'crop', by_split=dict(train='gt', val='gt', test='gt'))
    asked = commands.parse(f'''python -m data_converters.convert --dataset a --raw {toy_dogs_raw} --out {root}/convert
python -m pipelines.classify --data {root} --out {root}/classify --rows resnet18_64px@square --seeds 0 --jobs 1''')
    work = Work(asked, data.read(asked))
    (need,) = work.needs()
    pictures = Pictures(192, 144, 256, 8, ('box', 'full', 'square'), 64)
    kept = Kept(tmp_path / measured.NAME)
    rates, found = measured.measure([need], pictures, kept, budget=1)
    record = found[need]
    assert record['batch'] == 16 and not record['scaled'] and 300 < record['peak_mb'] < 5000
    assert 0.01 < record['train']['cpu'] < 5 and 0 < record['infer']['cpu'] < record['train']['cpu']
    assert 25 < record['checkpoint_mb'] < 60 and 5 < record['weights_mb'] < 20  # Adam's two moments beside the weights
    monkeypatch.setattr(measured.processes, 'run', None)  # a second time nothing is run
    assert measured.measure([need], pictures, kept, budget=1) == (rates, found)

    line = estimate.plan(work, rates, {need: Known.of(record)})[-1]
    run = runs.Run(root, Row.parse('resnet18_64px@square'), 0, root / 'models/classify')
    trainings.do_all([run], 1)
    spent = seconds.read(run.folder)
    schedule = measured.schedule(record)
    assert spent['counts']['iterations'] == line.iterations == schedule.epochs * 2
    assert spent['counts']['validations'] == schedule.validations()
    assert spent['counts']['val images'] == schedule.validations() * 3
    size = sum(path.stat().st_size for path in run.folder.rglob('*.pth'))
    assert size / 1e6 < line.disk_mb < 2 * size / 1e6

    (real,) = taken.rates(tmp_path, found).values()
    assert real.taken and real.train == pytest.approx(
        (spent['step'] + spent['loading'] + spent['hooks']) / line.iterations)
    assert run.name in state._runs(asked['classify'], with_synthetic=False)


def test_a_generator_is_sampled_and_a_recipe_that_fails_is_named(tmp_path):
    pictures = Pictures(120, 90, 64, 8, ('box', 'full', 'square'), 64)
    wrong = tmp_path / 'wrong.py'
    configs = Path(__file__).resolve().parents[2] / 'mm_configs'
    wrong.write_text(f"_base_ = '{configs}/classify/resnet18_64px.py'\nmodel = dict(backbone=dict(depth=19))\n")
    generator = Need('synth', configs / 'synth/biggan-deep_64px.py', 'square')
    kept = Kept(tmp_path / measured.NAME)
    flow = Need('synth', configs / 'synth/flow_64px.py', 'square')
    _, found = measured.measure([generator, flow], pictures, kept, budget=0.5)
    record = found[generator]
    assert (record['standing'], found[flow]['standing']) == (16 * 64, 0)
    assert found[flow]['sample']['cpu'] > record['sample']['cpu']  # 24 times through a network, not once
    assert record['schedule']['resolution'] == 64 and 0 < record['sample']['cpu'] < 2 and record['judge']['cpu'] > 0
    with pytest.raises(measured.InputError, match='wrong.py: expected a recipe that trains .*KeyError'):
        measured.measure([Need('classify', wrong, 'square')], pictures, kept, budget=0.5)
