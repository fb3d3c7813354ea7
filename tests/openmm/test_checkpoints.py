"""`model.pth` is the best on val, whichever way of mmengine a config asks for it, and whatever a kill leaves behind."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, METRICS

from pipelines.core.errors import InputError
from pipelines.openmm.engine import checkpoints, training
from tools.faults import tiny_training

NAMES = ('accuracy/top1', 'accuracy/top5')


@METRICS.register_module()
class Scripted(BaseMetric):
    """Scores as written, one validation after the other."""
    done = 0

    def __init__(self, scores: list) -> None:
        super().__init__()
        self.scores = scores

    def process(self, data_batch: object, data_samples: list) -> None:
        self.results.extend(data_samples)

    def compute_metrics(self, results: list) -> dict:
        Scripted.done += 1
        row = self.scores[Scripted.done - 1]
        return dict(zip(NAMES, row if isinstance(row, tuple) else (row,)))


@HOOKS.register_module()
class Killed(Hook):
    """Stop a training amid its n-th epoch's end, after the best weights and before the checkpoint."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        if runner.epoch == self.epoch and 'optimizer' in checkpoint:
            raise KeyboardInterrupt


def config(scores: list, checkpoint: dict, hooks: tuple = (), **keys):
    Scripted.done = 0
    cfg = tiny_training.config(len(scores), 3, 'CheckpointHook')
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1, **checkpoint)
    cfg.custom_hooks = list(hooks)
    cfg.val_evaluator = dict(type='Scripted', scores=scores)
    for key, value in keys.items():
        cfg[key] = value
    return cfg


def state(path: Path) -> dict:
    found = torch.load(path, weights_only=False)
    return found.get('state_dict', found)


def equal(one: Path, other: Path) -> bool:
    return all(torch.equal(value, state(other)[name]) for name, value in state(one).items())


def best_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / 'logs').glob('best_*.pth'))


@pytest.mark.parametrize(('checkpoint', 'scores', 'epoch', 'score'), [
    (dict(save_best='auto', rule='greater', max_keep_ckpts=4), [1, 3, 2, 0], 2, 3),
    (dict(save_best='auto'), [1, 3, 2, 0], 2, 3),
    (dict(save_best='accuracy/top1'), [1, 3, 3, 0], 3, 3),
    (dict(save_best='accuracy/top1', rule='less'), [1, 3, 2, 0.5], 4, 0.5),
    (dict(save_best=['accuracy/top5', 'accuracy/top1']), [(1, 7), (3, 6), (2, 9), (0, 8)], 3, 9),
    (dict(save_best='auto'), [float('nan'), 3, float('nan'), 2], 2, 3),
])
def test_the_best_on_val_is_kept(checkpoint, scores, epoch, score, tmp_path):
    chosen = training.train(config(scores, checkpoint), tmp_path, seed=0)
    metric = 'accuracy/top5' if isinstance(checkpoint['save_best'], list) else 'accuracy/top1'
    assert chosen == dict(best_epoch=epoch, best_score=score, best_metric=metric)
    assert equal(tmp_path / 'model.pth', tmp_path / f'logs/epoch_{epoch}.pth')
    assert [equal(tmp_path / 'model.pth', tmp_path / f'logs/epoch_{other}.pth')
            for other in range(1, 5)].count(True) == 1
    assert f'best_{metric}_epoch_{epoch}.pth'.replace('/', '_') in best_files(tmp_path)
    assert len(best_files(tmp_path)) == (2 if isinstance(checkpoint['save_best'], list) else 1)


def test_without_a_choice_it_is_the_last(tmp_path):
    assert training.train(config([1, 3, 2], {}), tmp_path, seed=0) == {}
    assert equal(tmp_path / 'model.pth', tmp_path / 'logs/epoch_3.pth')


def test_the_best_of_an_epoch_that_a_kill_undid_is_not_kept(tmp_path):
    """Epoch 3 was the best; killed before its checkpoint, it is done again, on another machine, and is worse."""
    with pytest.raises(KeyboardInterrupt):
        training.train(config([1, 2, 9, 0], dict(save_best='auto', max_keep_ckpts=1),
                              [dict(type='Killed', epoch=3, priority='LOWEST')]), tmp_path, seed=0)
    assert best_files(tmp_path) == ['best_accuracy_top1_epoch_2.pth', 'best_accuracy_top1_epoch_3.pth']
    cfg = config([1, 2, 1, 0], dict(save_best='auto', max_keep_ckpts=1))
    Scripted.done = 2
    assert training.train(cfg, tmp_path, seed=0)['best_epoch'] == 2
    assert best_files(tmp_path) == ['best_accuracy_top1_epoch_2.pth']
    assert equal(tmp_path / 'model.pth', tmp_path / 'logs/best_accuracy_top1_epoch_2.pth')


def test_averaged_weights_are_what_val_judged_and_what_is_kept(tmp_path):
    training.train(config([1, 3, 2], dict(save_best='auto'), [dict(type='EMAHook', momentum=0.3)]), tmp_path, seed=0)
    saved = torch.load(tmp_path / 'logs/epoch_2.pth', weights_only=False)
    kept = state(tmp_path / 'model.pth')
    averaged, trained = saved['state_dict'], saved['ema_state_dict']  # mmengine saves them the other way round
    assert all(torch.equal(value, averaged[name]) for name, value in kept.items())
    assert not torch.equal(kept['weight.weight'], trained['module.weight.weight'])


@pytest.mark.parametrize(('scores', 'iteration'), [([1, 3, 2], 4), ([1, 2, 3], 6)])
def test_iterations_are_chosen_as_epochs_are(scores, iteration, tmp_path):
    cfg = config(scores, dict(save_best='auto', by_epoch=False, max_keep_ckpts=9),
                 train_cfg=dict(type='IterBasedTrainLoop', max_iters=6, val_interval=2),
                 log_processor=dict(by_epoch=False))
    cfg.train_dataloader.batch_size = 4  # of 12: iterations 4 to 6 are of the second epoch
    assert training.train(cfg, tmp_path, seed=0) == dict(best_epoch=2, best_score=3, best_metric='accuracy/top1')
    assert equal(tmp_path / 'model.pth', tmp_path / f'logs/iter_{iteration}.pth')
    assert best_files(tmp_path) == [f'best_accuracy_top1_iter_{iteration}.pth']


def test_a_training_that_stops_early_is_whole(tmp_path):
    """Patience of one epoch: it stops after the second, which no interval would save."""
    hook = dict(type='EarlyStoppingHook', monitor='accuracy/top1', patience=1, rule='greater')
    cfg = config([3, 2, 1, 0], dict(save_best='auto'), [hook])
    cfg.default_hooks.checkpoint.interval = 10
    assert training.train(cfg, tmp_path, seed=0) == dict(best_epoch=1, best_score=3, best_metric='accuracy/top1')
    assert (tmp_path / 'logs/epoch_2.pth').exists() and best_files(tmp_path) == ['best_accuracy_top1_epoch_1.pth']


def test_validation_that_becomes_rarer_misses_no_checkpoint(tmp_path):
    cfg = config([1, 2, 3, 4], dict(save_best='auto'), train_cfg=dict(
        type='EpochBasedTrainLoop', max_epochs=5, val_interval=1, dynamic_intervals=[(2, 3)]))
    training.train(cfg, tmp_path, seed=0)
    assert {path.name for path in (tmp_path / 'logs').glob('epoch_*.pth')} == {f'epoch_{n}.pth' for n in range(1, 6)}
    lines = [json.loads(line) for line in (tmp_path / 'metrics.jsonl').read_text().splitlines()]
    assert [row['epoch'] for row in lines if 'val/accuracy/top1' in row] == [3, 5]


def test_a_metric_that_nobody_measures_is_named(tmp_path):
    with pytest.raises(InputError, match=r'checkpoint\.save_best: expected one of accuracy/top1, found accuracy/top9'):
        training.train(config([1], dict(save_best='accuracy/top9')), tmp_path, seed=0)


def test_rules_are_known_for_what_our_metrics_give():
    for metric in ('detect/AP', 'detect/localisation', 'accuracy/top1', 'single-label/f1-score', 'coco/bbox_mAP'):
        assert checkpoints.SafeCheckpointHook(save_best=metric).rules == ['greater']
    with pytest.raises(InputError, match=r'rule: expected greater or less, for quality, found None'):
        checkpoints.SafeCheckpointHook(save_best='quality')
