"""Sheets of samples while a generator trains."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from numpy.typing import NDArray

from pipelines.openmm.compat import mmagic_import
from pipelines.openmm.synth.gan_sampling import sample

mmagic_import.install()

from mmagic.registry import HOOKS  # noqa: E402


@HOOKS.register_module()
class SampleGridHook(Hook):
    """Write the same latent vectors' images every k iterations, to ``samples/`` in the log folder and to TensorBoard.

    Args:
        interval: iterations between grids; one more is written at the end.
        columns: images per row, one class each; classes beyond are left out.
        rows: latent vectors per class.
    """

    def __init__(self, interval: int, columns: int = 8, rows: int = 4) -> None:
        self.interval, self.columns, self.rows = interval, columns, rows

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self.write(runner)

    def pictures(self, runner: Any, labels: Sequence[int], seeds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """(H, W, 3) RGB images of the moving average, which stays in the mode it is in."""
        generator = getattr(runner.model, 'module', runner.model).generator_ema.module
        was_training = generator.training
        yield from sample(generator, labels, seeds)
        generator.train(was_training)

    def write(self, runner: Any) -> None:
        from mmengine.dist import is_main_process
        from PIL import Image

        if not is_main_process():
            return
        columns = min(self.columns, getattr(runner.model, 'module', runner.model).num_classes)
        images = np.stack(list(self.pictures(runner, list(range(columns)) * self.rows, range(self.rows * columns))))
        rows, side = images.reshape(self.rows, columns, *images.shape[1:]), images.shape[1]
        grid = rows.transpose(0, 2, 1, 3, 4).reshape(self.rows * side, columns * side, 3)
        folder = Path(runner.work_dir) / 'samples'
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid).save(folder / f'{runner.iter + 1:06d}.jpg', quality=95)
        runner.visualizer.add_image('samples', grid, step=runner.iter + 1)
