"""Several processes on a CPU (gloo), through the launchers: they train as one, evaluate as one, and survive a kill."""
from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from socket import socket

import psutil
import pytest

from pipelines.openmm.weights import loading as weights
from tests.hostile import FULL
from tests.launched import CONFIGS, config, cropped, end, rows, start

KILLS = 10 if FULL else 2
IMAGES, BATCH, EPOCHS = 16, 8, 8
STEPS = IMAGES // BATCH * EPOCHS
# Without what each process has or draws of its own, batch statistics and augmentation, steps differ by rounding alone.
STEADY = f'''"""Equal steps on any number of processes."""
_base_ = {str(CONFIGS / 'classify/resnet18_64px.py')!r}
model = dict(backbone=dict(norm_cfg=dict(type='GN', num_groups=8)))
train_dataloader = dict(dataset=dict(indices={IMAGES}, pipeline=_base_.test_pipeline))
train_cfg = dict(max_epochs={EPOCHS}, val_interval=1)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9))
param_scheduler = dict(T_max={EPOCHS})
auto_scale_lr = dict(enable=True, base_batch_size=4)
default_hooks = dict(logger=dict(interval=1))
'''

pytestmark = pytest.mark.mm


@pytest.fixture(scope='module')
def work(toy_dogs_coco, tmp_path_factory):
    return cropped(toy_dogs_coco, tmp_path_factory.mktemp('work'))


def state(out: Path) -> dict:
    import torch
    return torch.load(out / f'logs/epoch_{EPOCHS}.pth', weights_only=False)  # written by this test


@pytest.fixture(scope='module')
def trained(work, tmp_path_factory):
    """By the number of processes, the folder of a training in which they share batches of 8."""
    folder = tmp_path_factory.mktemp('trained')
    path = config(folder, 'classify', STEADY)
    done = {}

    def train(processes: int) -> Path:
        if processes not in done:
            done[processes] = folder / str(processes)
            end(start('dist_train.sh', path, processes, '--work', work, '--out', done[processes], '--cfg-options',
                      f'train_dataloader.batch_size={BATCH // processes}'))
        return done[processes]

    return train


@pytest.mark.parametrize('processes', [2, 4])
def test_processes_train_as_one_with_their_batches(trained, processes):
    one, several = trained(1), trained(processes)
    losses = [[row['loss'] for row in rows(out) if 'loss' in row] for out in (one, several)]
    assert len(losses[0]) == STEPS and losses[0][-1] < 0.9 * losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert [row['step'] for row in rows(several) if 'loss' in row] == list(range(1, STEPS + 1))
    for out in (one, several):  # twice the rate for twice the batch, once
        group = state(out)['optimizer']['param_groups'][0]
        assert group['initial_lr'] == pytest.approx(0.01 * BATCH / 4)


def process_of(out: Path, rank: int, restart: int) -> psutil.Process | None:
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            if (variables.get('RANK'), variables.get('TORCHELASTIC_RESTART_COUNT')) == (str(rank), str(restart)) and \
                    str(out) in process.cmdline():
                return process
        except psutil.Error:
            continue
    return None


def kill_at(out: Path, step: int, *, rank: int, restart: int, launchers: list[subprocess.Popen]) -> None:
    """SIGKILL to one process of a training once it has done a step, and at least one since it was last started."""
    def steps() -> int:
        return max((row['step'] for row in rows(out)), default=0) if (out / 'metrics.jsonl').exists() else 0

    deadline, victim, first = time.monotonic() + 300, None, None
    while victim is None or first is None or steps() < max(step, first + 1):
        assert time.monotonic() < deadline
        for launcher in launchers:
            assert launcher.poll() is None, f'{launcher.returncode}: {launcher.communicate()[1][-9000:]}'
        victim = victim or process_of(out, rank, restart)
        if victim and first is None and (out / 'metrics.jsonl').exists() and \
                (out / 'metrics.jsonl').stat().st_mtime > victim.create_time():
            first = steps()
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)


def assert_nothing_was_lost(out: Path, undisturbed: Path) -> None:
    import torch
    assert (out / 'metrics.jsonl').read_text() == (undisturbed / 'metrics.jsonl').read_text()
    assert state(out)['meta']['iter'] == STEPS
    ours, theirs = (weights.load(folder / 'model.pth') for folder in (out, undisturbed))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_killed_process_costs_no_step(trained, work, tmp_path):
    out, random = tmp_path / 'out', Random(0)
    launcher = start('dist_train.sh', config(tmp_path, 'classify', STEADY), 2, '--work', work, '--out', out,
                     '--cfg-options', f'train_dataloader.batch_size={BATCH // 2}', RESTARTS=KILLS)
    with ExitStack() as stack:
        stack.callback(launcher.terminate)
        for restart, step in enumerate(sorted(random.sample(range(1, STEPS - 3), KILLS))):
            kill_at(out, step, rank=(restart + 1) % 2, restart=restart, launchers=[launcher])
        end(launcher)
    assert_nothing_was_lost(out, trained(2))


def test_nodes_meet_and_start_again_together(trained, work, tmp_path):
    """Two launchers as on two machines, one process each."""
    out, path = tmp_path / 'out', config(tmp_path, 'classify', STEADY)
    with socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with ExitStack() as stack:
        nodes = [start('dist_train.sh', path, 1, '--work', work, '--out', out, '--cfg-options',
                       f'train_dataloader.batch_size={BATCH // 2}', NNODES=2, NODE_RANK=rank, PORT=port,
                       PET_LOCAL_ADDR='127.0.0.1') for rank in (0, 1)]
        for node in nodes:
            stack.callback(node.terminate)
        kill_at(out, 5, rank=1, restart=0, launchers=nodes)
        for node in nodes:
            end(node)
    assert_nothing_was_lost(out, trained(2))


def test_what_the_user_can_mend_is_said_once(work, tmp_path):
    out = tmp_path / 'out'
    launcher = start('dist_train.sh', config(tmp_path, 'classify', STEADY), 2, '--work', work, '--out', out,
                     '--cfg-options', 'train_cfg.max_epoch=1')
    _, err = launcher.communicate(timeout=120)
    assert launcher.returncode == 2 and err.count('error: ') == 1 and 'remedy: write max_epochs' in err
    assert not out.exists()


CLASSIFY = f'''_base_ = {str(CONFIGS / 'classify/resnet18_64px.py')!r}
val_dataloader = dict(batch_size=2, dataset=dict(ann_file='crop/square_train.json'))
val_evaluator = [dict(type='Accuracy', topk=(1,)), dict(type='DumpResults', out_file_path='OUT')]
'''
DETECT = f'''_base_ = {str(CONFIGS / 'detect/faster-rcnn_r18_fpn.py')!r}
val_dataloader = dict(batch_size=1, dataset=dict(ann_file='train.json'))
val_evaluator = [dict(type='LocalisationMetric', ann_file=_base_.data_root + '/train.json', class_agnostic=True),
                 dict(type='DumpResults', out_file_path='OUT')]
'''


@pytest.mark.parametrize(('stage', 'text', 'identity', 'score'), [
    ('classify', CLASSIFY, 'img_path', lambda row: row['pred_score']),
    ('detect', DETECT, 'img_id', lambda row: row['pred_instances']['bboxes'])])
def test_every_image_is_evaluated_once(work, tmp_path, stage, text, identity, score):
    """21 images, which neither 2 nor 4 processes share evenly, by random weights: the same in every way."""
    import torch
    from mmengine import load
    from mmengine.registry import MODELS

    from pipelines.openmm.engine import config as mm

    path = config(tmp_path, stage, text)
    data = work / 'toy-dogs' / ('convert' if stage == 'detect' else '')
    torch.manual_seed(0)
    torch.save(MODELS.build(mm.load(path, data_root=data, num_classes=3).model).state_dict(), tmp_path / 'model.pth')
    options = ['--work', work, '--model', tmp_path / 'model.pth']

    def evaluate(processes: int) -> tuple[dict, list]:
        out = tmp_path / str(processes)
        path.write_text(text.replace('OUT', f'{out}.pkl'))
        words = end(start('dist_test.sh', path, processes, *options, '--out', out))
        assert words.startswith(f'{out}/metrics.json: 21 images of val, ')
        return json.loads((out / 'metrics.json').read_text()), load(f'{out}.pkl')

    one, expected = evaluate(1)
    assert one['split'] == 'val' and one['images'] == len({row[identity] for row in expected}) == 21
    for processes in (2, 4):
        metrics, found = evaluate(processes)
        assert [row[identity] for row in found] == [row[identity] for row in expected]
        for ours, theirs in zip(found, expected):
            torch.testing.assert_close(score(ours), score(theirs))
        assert metrics == one
    end(start('dist_test.sh', path, 1, *options, '--out', tmp_path / 'test', '--split', 'test'))
    assert json.loads((tmp_path / 'test/metrics.json').read_text())['images'] == 12


def test_two_processes_train_and_are_tested(work):
    """21 images, 2 processes with batches of 4: 3 steps instead of 6. Val says the same again; test only when asked."""
    path = CONFIGS / 'classify/resnet18_64px.py'
    options = ['--work', work, '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
               'train_dataloader.batch_size=4', 'default_hooks.logger.interval=1']
    end(start('dist_train.sh', path, 2, *options))
    out = work / 'toy-dogs/tries/classify/resnet18_64px@square-seed0'
    assert [row['step'] for row in rows(out)] == [1, 2, 3, 3]
    again = start('dist_train.sh', path, 2, *options[:-1])
    assert 'remedy: choose another --out, or remove that folder' in again.communicate()[1] and again.returncode == 2
    for split, arguments, images in (('val', [], 3), ('test', ['--split', 'test'], 12)):
        end(start('dist_test.sh', path, 2, '--work', work, *arguments))
        found = json.loads((out / f'logs/{split}/metrics.json').read_text())
        assert (found['split'], found['images']) == (split, images)
        if split == 'val':
            assert found['metrics']['accuracy/top1'] == pytest.approx(rows(out)[-1]['val/accuracy/top1'], abs=1e-5)
            assert not (out / 'logs/test').exists()
