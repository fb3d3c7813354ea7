"""From make's commands, counts and seconds per unit to the plan: by values that can be worked out on paper."""
from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core import machine
from pipelines.core.errors import InputError
from pipelines.core.rows import CONFIGS
from tests.planning.made import DATA, DATA_RATES, PRINTED, known, schedule, work
from tools import plan as command
from tools.planning import commands, estimate, fits, words
from tools.planning.measured import Need, Rates, _is_busy, seconds
from tools.planning.work import Work


@pytest.fixture(autouse=True)
def two_cpus(monkeypatch):
    monkeypatch.setattr(machine, 'cpus', lambda: 2)
    monkeypatch.setenv('FGIC_RAW', "/data/Bob's dogs")


def everything(asked) -> dict[Need, estimate.Known]:
    """Of every recipe the same, but for the generator."""
    rates = Rates(train=0.25, sample=0.02, judge=0.01, imports=4, start=2, save=0.1, standing=1024)
    return {need: known(rates, epochs=None, iterations=1000, val_interval=None, by_epoch=False, save_interval=200,
                        checkpoint_mb=100, weights_mb=30, peak_mb=800) if need.stage == 'synth' else
            known(boxed_only=need.stage == 'detect', checkpoint_mb=200, weights_mb=50, peak_mb=1000)
            for need in asked.needs()}


def test_make_s_commands_are_read_as_a_shell_reads_them(tmp_path):
    found = work(tmp_path).commands
    assert list(found) == ['convert', 'detect', 'crop', 'synth', 'classify', 'report']
    assert found['convert'].one('--raw') == "/data/Bob's dogs" and found['convert'].has('--verify')
    assert found['crop'].all('--kinds') == ['box', 'full', 'square', 'square-m30']
    assert not found['crop'].has('--detections')
    assert commands.config(found['detect']).name == 'faster-rcnn_r101_fpn.py'
    assert [row.name for row in commands.rows(found['classify'])][-1] == 'resnet50@square+biggan-deep_256px-x50'
    assert commands.seeds(found['classify']) == [0, 1]
    with pytest.raises(InputError, match='expected what make -n report prints'):
        commands.parse('nothing')


@pytest.mark.parametrize(('changes', 'images', 'processes', 'iterations'), [
    ({}, 100, 1, 5 * 7), (dict(drop_last=True), 100, 1, 5 * 6), ({}, 100, 8, 5 * 1), ({}, 101, 2, 5 * 4),
    (dict(batch=1), 10, 4, 5 * 3), (dict(epochs=None, iterations=77), 100, 4, 77), (dict(drop_last=True), 3, 1, 5)])
def test_iterations(changes, images, processes, iterations):
    assert schedule(**changes).total(images, processes) == iterations


@pytest.mark.parametrize(('changes', 'count'), [
    ({}, 3),  # after 2, 4 and the last
    (dict(val_interval=1), 5), (dict(val_begin=4), 2), (dict(val_interval=None), 0), (dict(val_interval=9), 1),
    (dict(epochs=None, iterations=100, val_interval=30), 3)])
def test_validations(changes, count):
    assert schedule(**changes).validations() == count


def test_checkpoints_are_those_of_the_interval_and_some_of_the_best():
    assert schedule().saves(100) == 5 + 1
    assert schedule(epochs=None, iterations=1000, val_interval=None, by_epoch=False, save_interval=300).saves(9) == 4
    assert schedule(save_interval=None).saves(100) == 0


@pytest.mark.mm
def test_schedules_of_our_recipes():
    from pipelines.openmm.engine import config
    from tools.planning import schedule as schedules

    cfg = config.load(CONFIGS / 'classify/resnet18_64px.py', data_root=Path('x'), num_classes=6)
    found = schedules.of(cfg)
    assert (found.batch, found.epochs, found.iterations, found.kept) == (16, cfg.train_cfg.max_epochs, None, 2)
    assert found.val_interval == cfg.train_cfg.val_interval and not found.boxed_only
    cfg = config.load(CONFIGS / 'synth/biggan-deep_256px.py', data_root=Path('x'), num_classes=6)
    found = schedules.of(cfg)
    assert (found.batch, found.iterations, found.epochs) == (64, 100_000, None)
    assert (found.accumulated, found.resolution) == (4, 256)
    assert found.val_interval is None and found.validations() == 0 and found.drop_last
    cfg = config.load(CONFIGS / 'detect/faster-rcnn_r101_fpn.py', data_root=Path('x'), num_classes=6)
    assert schedules.of(cfg).boxed_only and schedules.of(cfg).epochs == 12


def test_runs_begin_as_workers_become_free():
    assert estimate.side_by_side([5, 3, 4, 1], 2) == 7  # 5+1 beside 3+4
    assert estimate.side_by_side([5, 3], 8) == 5 and estimate.side_by_side([], 2) == 0
    assert estimate.side_by_side([5, 3, 4], 1) == 12


def test_seconds_are_those_of_the_clock_unless_others_used_the_cpus():
    timed = dict(wall=6., cpu=4.)
    assert seconds(timed, dict(busy=False, threads=2)) == 6 and seconds(timed, dict(busy=True, threads=2)) == 2
    record = dict(train=dict(wall=4., cpu=2.), conditions=dict(device='CPU'), schedule=dict(workers=0))
    assert _is_busy(record, 1, False) and not _is_busy(dict(record, schedule=dict(workers=4)), 1, False)
    assert not _is_busy(dict(record, conditions=dict(device='NVIDIA H100')), 1, True)


def test_the_plan_stage_by_stage(tmp_path):
    asked = work(tmp_path)
    lines = estimate.plan(asked, DATA_RATES, everything(asked))
    convert, train, boxes, crop, gan, drawn, *rows = lines
    assert convert.seconds == 1600 * 0.02 / 2
    # 900 boxed images: 57 iterations, 5 times; val after epochs 2, 4 and 5; 5 checkpoints and one best
    assert (train.iterations, train.images) == (285, 285 * 16)
    assert train.seconds == pytest.approx(285 * 0.5 + 3 * 100 * 0.01 + 6 * 0.1 + 2 + 4)
    assert boxes.seconds == pytest.approx(4 + 1600 * 0.01)
    assert crop.images == 3 * 1600 and crop.disk_mb == pytest.approx(1600 * (10e3 + 20e3 + 20e3) / 1e6)
    assert gan.seconds == pytest.approx(1000 * 0.25 + 5 * 0.1 + 2 + 4) and gan.disk_mb == 100 * 3 + 30
    assert drawn.images == 1000 and drawn.seconds == pytest.approx(
        4 + (1024 + 1000) * 0.02 + 2 * 3 * 312 * 0.01 + 2100 * 0.04 / 2)
    assert [row.name for row in rows] == [row.name for row in asked.rows] and len(rows) == 3
    # 1,000 images are 63 iterations, with half as many synthetic ones, too
    assert [row.iterations for row in rows] == [2 * 5 * 63] * 3
    each = [5 * n * 0.5 + 3 * 100 * 0.01 + 6 * 0.1 + 2 + (600 * 0.01 + 4) for n in (63, 63, 63)]
    assert sum(row.seconds for row in rows) == pytest.approx(2 * sum(each[:2]) / 2 + each[2] + 4)
    assert rows[0].memory_mb == 2 * 1000 and rows[0].disk_mb == 2 * (200 * 3 + 50)


def test_a_training_on_several_gpus_has_fewer_iterations_and_as_many_images(tmp_path):
    asked = work(tmp_path, gpus=4)
    train = estimate.plan(asked, DATA_RATES, everything(asked))[1]
    assert train.iterations == 5 * math.ceil(225 / 16) and train.images == 5 * 15 * 16 * 4


def test_so_many_processes_are_measured_side_by_side_as_will_share_a_card(tmp_path):
    def copies(here: int, **asked: int) -> dict[str, int]:
        return {need.stage: need.copies for need in replace(work(tmp_path, **asked), gpus=here).needs()}

    assert copies(0, gpus=8, jobs=8) == dict(detect=1, synth=1, classify=2)  # there are two CPUs
    assert copies(1, gpus=8, jobs=8) == copies(8, gpus=8, jobs=8) == dict(detect=1, synth=1, classify=1)
    assert copies(1, gpus=1, jobs=3) == dict(detect=1, synth=1, classify=3)


def test_what_is_up_to_date_costs_nothing(tmp_path):
    names = [f'resnet50@{row}-seed{seed}' for row in ('full', 'square-m30') for seed in range(2)]
    asked = work(tmp_path, done=('convert', 'detect: train', 'detect', 'crop', 'synth: train', 'synth', *names,
                                 'resnet50@square+biggan-deep_256px-x50-seed1'))
    assert [need.stage for need in asked.needs()] == ['classify']
    lines = estimate.plan(asked, DATA_RATES, everything(asked))
    assert [line.done for line in lines] == [True] * 8 + [False] and lines[-1].trainings == 1
    assert estimate.total(lines) == lines[-1].seconds and not sum(line.disk_mb for line in lines[:-1])


def test_without_boxes_rows_of_full_images_are_left(tmp_path):
    asked = work(tmp_path, data=replace(DATA, boxed=dict(train=0, val=0, test=0)))
    lines = estimate.plan(asked, DATA_RATES, everything(asked))
    assert [(line.stage, line.name) for line in lines] == [('convert', ''), ('classify', 'resnet50@full')]


def test_what_can_be_left_out_and_what_that_saves(tmp_path):
    asked = work(tmp_path)
    found, rates = everything(asked), DATA_RATES
    whole = estimate.total(estimate.plan(asked, rates, found))
    saved = dict(command.savings(asked, rates, found, whole))
    assert list(saved)[0] == 'the row resnet50@square+biggan-deep_256px-x50, and the generator'
    without = asked.without(row=asked.rows[2])
    assert 'synth' not in without.commands and len(without.rows) == 2
    less = asked.without(seed=1)
    assert saved['a seed: SEEDS="0"'] == pytest.approx(
        whole - estimate.total(estimate.plan(less, rates, command._same(less, asked, found))))
    assert all(value > 0 for value in saved.values())


def test_what_does_not_fit_is_said_with_a_remedy(tmp_path):
    asked, room = work(tmp_path), fits.Room(memory_mb=4000, disk_mb=50_000, shared_mb=1000)
    lines = estimate.plan(asked, DATA_RATES, everything(asked))
    assert fits.findings(lines, room) == []
    (words_,) = fits.findings(lines, fits.Room(1500, 50_000, 1000))[:1]
    assert words_.startswith('classify resnet50@full does not fit the memory: about 2.0 GB of 1.5 GB; lower JOBS')
    assert 'the disk is too small: about 5.0 GB are needed, 1.0 GB are free' in fits.findings(
        lines, fits.Room(4000, 1000, 1000))[0]
    large = {need: known(device_mb=80_000, peak_mb=90_000, workers=8, batch_mb=200) for need in asked.needs()}
    said = fits.findings(estimate.plan(asked, DATA_RATES, large), room)
    assert said[0].startswith('detect train does not fit the card: about 90 GB of 80 GB; take a smaller batch')
    assert said[1].startswith('detect train: loader workers hold up to 1.20 GB, /dev/shm has 1.00 GB free; docker run')


def test_the_table_in_words(tmp_path):
    asked = work(tmp_path, done=('convert',))
    lines = estimate.plan(asked, DATA_RATES, everything(asked))
    text = words.report(asked, lines, ['make would stop at detect: x'], [('a seed', 3700.)], busy=True, cpus=2)
    assert 'dogs: 10 classes; 1,000 train, 100 val, 500 test images of about 500 x 375 px' in text
    rows = {line.split('  ')[0]: line for line in text.splitlines()}
    assert rows['convert'].endswith('up to date') and '285   4,560   2 min 32 s  1.0 GB  650 MB  measured' in ' '.join(
        rows['detect train'].split(' ' * 4))
    assert 'PROBLEM: make would stop at detect: x' in text and 'a seed  1 h 02 min' in text
    assert 'The CPUs were busy' in text and '2 at a time' in text


def test_several_generators_have_lines_of_their_own(tmp_path):
    asked = work(tmp_path)
    text = PRINTED.format(d=tmp_path, gpus=1, jobs=2)
    drawn = text[text.index('.venv/bin/python -m pipelines.synth'):text.index('.venv/bin/python -m pipelines.classify')]
    found = commands.parse(drawn.replace('biggan-deep_256px', 'recombination') + text)
    two = Work(found, asked.data, frozenset({'synth'}), 0)
    assert list(two.generators) == ['synth', 'synth biggan-deep_256px']
    assert [need.config.stem for need in two.needs() if need.stage == 'synth'] == ['biggan-deep_256px']
    lines = [line for line in estimate.plan(two, DATA_RATES, everything(two)) if line.stage.startswith('synth')]
    assert [(line.stage, line.name.split()[0], line.done) for line in lines] == [
        ('synth', 'images', True), ('synth biggan-deep_256px', 'train', False),
        ('synth biggan-deep_256px', 'images', False)]
    alone = [line for line in estimate.plan(asked, DATA_RATES, everything(asked)) if line.stage == 'synth']
    assert [line.seconds for line in lines[1:]] == [line.seconds for line in alone] and lines[1].seconds > 0
    assert not two.without(row=two.rows[-1]).generators
