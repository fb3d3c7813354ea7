"""How much a training does: iterations, validations and checkpoints, from the config as it is resolved."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine import Config


@dataclass(frozen=True)
class Schedule:
    """What of a config decides how much is done. JSON can hold it.

    Args:
        epochs: None where iterations are counted.
        iterations: None where epochs are counted.
        batch: images of one process at a time.
        accumulated: batches per update.
        drop_last: an epoch's last, smaller batch is left out.
        val_interval, val_begin: in epochs or iterations; None: there is no validation.
        save_interval: of checkpoints; None: none are kept.
        by_epoch: the checkpoints' interval.
        kept: checkpoints kept at the end, the best one included.
        workers: that load, as the config asks.
        boxed_only: images without a box are left out of training.
        resolution: of a generator.
    """
    epochs: int | None
    iterations: int | None
    batch: int
    accumulated: int
    drop_last: bool
    val_interval: int | None
    val_begin: int
    save_interval: int | None
    by_epoch: bool
    kept: int
    workers: int
    boxed_only: bool
    resolution: int | None = None

    def epoch(self, images: int, processes: int = 1) -> int:
        """Iterations that each process does to see all images: mmengine's sampler gives each as many."""
        each = math.ceil(images / processes)
        return max(1, each // self.batch if self.drop_last else math.ceil(each / self.batch))

    def total(self, images: int, processes: int = 1) -> int:
        """Iterations of each process."""
        return (self.iterations or 0) if self.epochs is None else self.epochs * self.epoch(images, processes)

    def validations(self) -> int:
        """Times that val is read; mmengine's loops do so at every interval from its beginning on, and at the end."""
        if self.val_interval is None:
            return 0
        end = self.epochs if self.epochs is not None else self.iterations or 0
        return len([number for number in range(max(1, self.val_begin), end + 1)
                    if number % self.val_interval == 0 or (number == end and self.epochs is not None)])

    def saves(self, images: int, processes: int = 1) -> int:
        """Checkpoints that are written: at every interval, and as the best of val for about half of its readings."""
        if self.save_interval is None:
            return 0
        end = self.epochs if self.by_epoch and self.epochs is not None else self.total(images, processes)
        return math.ceil(end / self.save_interval) + self.validations() // 2


def of(cfg: Config) -> Schedule:
    """From a loaded config."""
    loader, train = cfg.train_dataloader, cfg.train_cfg
    by_iterations = 'max_iters' in train and 'max_epochs' not in train
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    wrapper = cfg.optim_wrapper.get('discriminator', cfg.optim_wrapper)
    validates = bool(cfg.get('val_dataloader')) and cfg.get('val_cfg') is not None
    dataset: Any = loader.dataset
    while 'dataset' in dataset and 'filter_cfg' not in dataset:
        dataset = dataset['dataset']
    return Schedule(
        epochs=None if by_iterations else train.max_epochs, iterations=train.max_iters if by_iterations else None,
        batch=loader.batch_size, accumulated=wrapper.get('accumulative_counts', 1),
        drop_last=bool(loader.get('drop_last')), val_interval=train.get('val_interval', 1) if validates else None,
        val_begin=train.get('val_begin', 1), save_interval=hook.get('interval', 1) if hook else None,
        by_epoch=hook.get('by_epoch', True), workers=loader.get('num_workers', 0),
        kept=max(1, hook.get('max_keep_ckpts', 1)) + bool(hook.get('save_best')),
        boxed_only=bool((dataset.get('filter_cfg') or {}).get('filter_empty_gt')),
        resolution=(cfg.model.get('generator') or {}).get('output_scale'))
