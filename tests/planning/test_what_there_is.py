"""What is counted, what is done already, and what finished trainings took."""
from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from pipelines import crop
from pipelines.core import manifest, seconds
from pipelines.core.rows import CONFIGS
from pipelines.openmm.engine import config_files
from tools import plan
from tools.planning import commands, data, measured, state, taken
from tools.planning.measured import Kept, Need, Pictures

RECIPE = CONFIGS / 'classify/resnet18_64px.py'
RECORD = dict(train=dict(wall=1., cpu=1.), infer=dict(wall=.1, cpu=.1), imports=dict(wall=4., cpu=4.), busy=False,
              start=dict(wall=2., cpu=2.), save=dict(wall=.5, cpu=.5), threads=1, peak_mb=1, checkpoint_mb=1,
              weights_mb=1, batch_mb=1, device_mb=None, scaled=False, oom=False,
              conditions=dict(device='CPU', cpu='x', threads=1), schedule=dict(
                  epochs=2, iterations=None, batch=16, accumulated=1, drop_last=False, val_interval=1, val_begin=1,
                  save_interval=1, by_epoch=True, kept=2, workers=0, boxed_only=False, resolution=None))
DATA_RECORD = dict(convert=dict(wall=.01, cpu=.01), crop=dict(wall=.01, cpu=.01), crop_bytes=dict(box=1., square=1.),
                   synthetic_bytes=1., busy=False, threads=1)


@pytest.fixture
def asked(tmp_path, toy_dogs_raw):
    """Convert, crop by annotated boxes, classify: as make says them with BOXES=gt."""
    root = tmp_path / 'dogs'
    return commands.parse(f'''python -m data_converters.convert --dataset dogs --raw {toy_dogs_raw} --out {root}/convert
python -m pipelines.crop --coco {root}/convert --out {root}/crop --kinds full box square --size 64 --boxes gt
python -m pipelines.classify --data {root} --out {root}/classify --rows resnet18_64px@square --seeds 0 --test no''')


def convert(found) -> None:
    from data_converters.convert import main
    assert main(list(found['convert'].words)) == 0


def test_images_are_counted_by_the_lists_as_convert_counts_them(asked, capsys):
    before = data.read(asked)
    convert(asked)
    after = data.read(asked)
    assert before == replace(after, converted=False)
    assert after.images == dict(train=21, val=3, test=12) and after.boxed == after.images and after.classes == 3


def test_a_drawn_dataset_is_drawn_to_be_counted(tmp_path):
    found = commands.parse(f'''python -m data_converters.toy --dataset toy-dogs --out {tmp_path}/raw --classes 2 \\
 --train 10 --test 3
python -m data_converters.convert --dataset toy-dogs --raw {tmp_path}/raw --out {tmp_path}/convert''')
    assert data.read(found).images == dict(train=18, val=2, test=6)


def test_a_stage_that_is_asked_builds_nothing(tmp_path):
    made = dict(stage='crop', parameters=dict(size=1), inputs={})
    with manifest.asking(), pytest.raises(manifest.OutdatedError) as found:
        manifest.produce(tmp_path / 'a/out', build=lambda folder: 1 / 0, **made)
    assert found.value.out == tmp_path / 'a/out' and not list(tmp_path.iterdir())
    manifest.produce(tmp_path / 'out', build=lambda folder: None, **made)
    with manifest.asking():
        assert manifest.produce(tmp_path / 'out', build=lambda folder: 1 / 0, **made) is False
        with pytest.raises(manifest.OutdatedError):
            manifest.produce(tmp_path / 'out', build=lambda folder: 1 / 0, **dict(made, parameters=dict(size=2)))
    with pytest.raises(ZeroDivisionError):
        manifest.produce(tmp_path / 'out', build=lambda folder: 1 / 0, **dict(made, parameters=dict(size=2)))


def test_what_is_up_to_date_and_what_follows_what_changed(asked, tmp_path):
    assert state.up_to_date(asked) == (frozenset(), [])
    convert(asked)
    assert {'convert'} == {name for name in state.up_to_date(asked)[0] if ':' not in name}
    crop.main(list(asked['crop'].words))
    done, remarks = state.up_to_date(asked)
    assert {'convert', 'crop'} <= done and not remarks
    (tmp_path / 'dogs/convert/val.json').write_text('{}')  # an output that was touched
    assert 'crop' not in state.up_to_date(asked)[0] and 'convert' not in state.up_to_date(asked)[0]


def test_what_make_would_stop_at_is_said(asked, tmp_path, capsys):
    convert(asked)
    capsys.readouterr()
    wrong = dict(asked, crop=asked['crop'].replaced('--size', ['9999999']))
    done, (remark,) = state.up_to_date(wrong)
    assert remark.startswith('make would stop at crop: --size: expected 8 to 4096, found 9999999')
    assert 'crop' not in done
    assert capsys.readouterr().err == ''


def trained(work, name: str, *, made: dict, jobs: int = 1, options: bool = False, **spent) -> None:
    folder = work / 'dogs/models/classify' / name
    parameters = dict(config_files.parameters(RECIPE), images='square-m30', seed=0)
    manifest.produce(folder, f'classify: {name}', dict(parameters, **(dict(options=['a=1']) if options else {})), {},
                     lambda staging: (staging / 'model.pth').write_text('x') and None, conditions=lambda: made)
    seconds.add(folder, spent, {'iterations': 100, 'val images': 50}, jobs=jobs)


def test_finished_trainings_correct_a_measurement(tmp_path):
    need, same = Need('classify', RECIPE, 'square'), dict(device='CPU', cpu='x', threads=1)
    assert taken.rates(tmp_path, {need: RECORD}) == {}
    trained(tmp_path, 'r@square-m30-seed0', made=same, loading=10, step=60, hooks=10, validation=20)
    trained(tmp_path, 'r@square-m30-seed1', made=same, loading=10, step=100, hooks=10, validation=30)
    trained(tmp_path, 'other-threads', made=dict(same, threads=2), step=1000)
    trained(tmp_path, 'other-jobs', made=same, jobs=2, step=1000)
    trained(tmp_path, 'other-options', made=same, options=True, step=1000)
    found = taken.rates(tmp_path, {need: RECORD, Need('classify', RECIPE, 'full'): RECORD})
    assert list(found) == [need] and found[need].taken
    assert (found[need].train, found[need].infer, found[need].save) == (1.0, 0.5, 0)
    assert (found[need].start, found[need].imports) == (2, 4)


def test_measurements_are_kept_by_recipe_size_and_machine(tmp_path, monkeypatch):
    kept, need = Kept(tmp_path / 'measured.json'), Need('classify', RECIPE, 'square')
    pictures = Pictures(500, 375, 256, 8, ('full',), 64)
    kept.put(kept.of(need, pictures), RECORD)
    again = Kept(tmp_path / 'measured.json')
    assert again.rows[again.of(need, pictures)] == RECORD
    assert again.of(need, replace(pictures, width=505)) in again.rows  # nearly the same pictures
    others = [(replace(need, processes=2), pictures), (replace(need, kind='full'), pictures),
              (need, replace(pictures, width=900)), (need, replace(pictures, classes=120))]
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    keys = [again.of(*other) for other in others] + [again.of(need, pictures)]
    assert not {*keys} & {*again.rows}
    (tmp_path / 'measured.json').write_text('{"half')
    assert Kept(tmp_path / 'measured.json').rows == {}


def test_a_plan_of_kept_measurements(asked, tmp_path, monkeypatch, capsys):
    """From standard input to the table and to JSON, without a process of its own."""
    convert(asked)
    crop.main(list(asked['crop'].words))
    kept, work = Kept(tmp_path / measured.NAME), plan.Work(asked, data.read(asked))
    kept.put(kept.of_data(plan.pictures(work)), DATA_RECORD)
    kept.put(kept.of(work.needs()[0], plan.pictures(work)), RECORD)
    text = '\n'.join(f'python -m {module} ' + ' '.join(asked[stage].words)
                     for module, stage in commands.STAGES.items() if stage in asked)
    for extra in ([], ['--json']):
        monkeypatch.setattr('sys.stdin', __import__('io').StringIO(text))
        capsys.readouterr()
        assert plan.main(['--work', str(tmp_path), *extra]) == 0
    said = json.loads(capsys.readouterr().out)
    # 2 iterations in each of 2 epochs, val twice, 2 checkpoints and one best, start; 3 val images predicted; imports
    assert said['seconds'] == pytest.approx(4 * 1 + 2 * 3 * .1 + 3 * .5 + 2 + (3 * .1 + 2) + 4)
    assert [line['done'] for line in said['lines']] == [True, True, False] and said['problems'] == []
    assert not (tmp_path / 'dogs/models').exists()
    shutil.rmtree(tmp_path / 'dogs')
