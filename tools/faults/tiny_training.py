"""A training of seconds whose checkpoints are large: three weights that matter, and ballast.

    python -m tools.faults.tiny_training OUT --epochs 4 --ballast 2500000 --hook safe

OUT is laid out as by the stages (logs/ with checkpoints, metrics.jsonl, model.pth). The same command goes on from the
last checkpoint; it prints the epoch it goes on from, and the best one at the end. `--hook mmengine` trains by the
library's own checkpoint hook and file backend instead, with nothing of ours.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from torch.utils.data import Dataset


@DATASETS.register_module()
class Noise(Dataset):
    """Twelve rows of three numbers from the global generator, as augmentations draw."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.randn(3)


@MODELS.register_module()
class Line(BaseModel):
    """A linear layer to be pulled to 0, and ``ballast`` numbers that go into every checkpoint."""

    def __init__(self, ballast: int) -> None:
        super().__init__()
        self.weight = torch.nn.Linear(3, 1)
        self.ballast = torch.nn.Parameter(torch.zeros(ballast))

    def forward(self, *rows: torch.Tensor, mode: str = 'loss') -> dict | list:
        value = self.weight(torch.stack(rows))
        return dict(loss=(value ** 2).mean() + 0 * self.ballast.sum()) if mode == 'loss' else [value.mean()]


@METRICS.register_module()
class Mean(BaseMetric):
    """The sum of the outputs, as a score."""

    def process(self, data_batch: object, data_samples: list) -> None:
        self.results.extend(float(sample) for sample in data_samples)

    def compute_metrics(self, results: list) -> dict:
        return dict(score=sum(results))


@HOOKS.register_module()
class SayStart(Hook):
    """Print the epoch that a training starts or goes on from."""

    def before_train(self, runner: Any) -> None:
        print(f'from epoch {runner.epoch}', file=sys.stderr, flush=True)


def config(epochs: int, ballast: int, hook: str) -> Config:
    loader = dict(batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
                  dataset=dict(type='Noise'))
    return Config(dict(
        model=dict(type='Line', ballast=ballast), train_dataloader=loader, val_dataloader=loader,
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1), val_cfg=dict(),
        val_evaluator=dict(type='Mean'), optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1),
                           checkpoint=dict(type=hook, interval=1, max_keep_ckpts=1, save_best='score', rule='greater')),
        custom_hooks=[dict(type='SayStart')], default_scope='mmengine'))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.faults.tiny_training', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument('--epochs', type=int, default=4, help='of 3 iterations (default: 4)')
    parser.add_argument('--ballast', type=int, default=3,
                        help='numbers; a checkpoint has 12 bytes for each (default: 3)')
    parser.add_argument('--hook', choices=('safe', 'mmengine'), default='safe', help='(default: safe)')
    args = parser.parse_args(argv)

    if args.hook == 'safe':
        from pipelines.openmm.engine import hooks, training  # noqa: F401 (the hooks register themselves)
        print(training.train(config(args.epochs, args.ballast, 'SafeCheckpointHook'), args.out, seed=0))
        return
    from mmengine.runner import Runner
    cfg = config(args.epochs, args.ballast, 'CheckpointHook')
    cfg.update(work_dir=str(args.out / 'logs'), experiment_name='run', randomness=dict(seed=0), resume=True)
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
