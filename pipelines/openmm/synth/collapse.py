"""Stop the training of a generator that has failed, hours before its end."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook

from pipelines.core import json_files, lineage
from pipelines.openmm.compat import mmagic_import
from pipelines.openmm.engine.devices import repeatable
from pipelines.openmm.synth.grids import SampleGridHook
from pipelines.openmm.synth.recipes import LOOKS

mmagic_import.install()

from mmagic.registry import HOOKS  # noqa: E402

_KEPT = 'looks'  # in the message hub, hence in every checkpoint: a resumed training knows what was seen


@HOOKS.register_module()
class CollapseHook(Hook):
    """Look at samples beside held-out real images; stop when they show a failure twice running.

    The signs are those of `sample_figures.signs_of_collapse`, in the features of a small classifier of the train crops.
    What was seen is written to ``looks.json`` beside ``model.pth`` and to TensorBoard. Samples are drawn by the
    `SampleGridHook` of the training.

    Args:
        interval: iterations between looks.
        begin: no look before: a generator starts with noise.
        images: drawn for a look at most; otherwise as many as val has, of its classes.
        running: looks in a row that have to show a failure.
        steps: of the small classifier's training; None: as many as the stage takes (`figures.Judge.of`).
    """

    def __init__(self, interval: int, begin: int = 0, images: int = 200, running: int = 2, steps: int | None = None
                 ) -> None:
        self.interval, self.begin, self.images, self.running, self.steps = interval, begin, images, running, steps
        self._judge: Any = None

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:  # a training before, in this process and this second, has the same message hub
            runner.message_hub.update_info(_KEPT, [])
        self._end(runner)  # a finished one that is asked again does not go on

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        done = runner.iter + 1
        if done >= self.begin and self.every_n_train_iters(runner, self.interval):
            seen: list[dict[str, Any]] = [self.look(runner) if is_main_process() else {}]
            broadcast_object_list(seen)
            runner.message_hub.update_info(_KEPT, [*runner.message_hub.get_info(_KEPT, []),
                                                   dict(seen[0], iteration=done)])
            self._end(runner)

    def look(self, runner: Any) -> dict[str, Any]:
        """``synthetic``, ``held-out real`` and ``signs`` of samples; none of the training's random numbers is used."""
        import torch

        from pipelines.openmm.synth import figures

        root = Path(runner.cfg.data_root)
        rows = {split: lineage.read_list(root / f'square_{split}.json')[1] for split in ('train', 'val')}
        held = [row['gt_label'] for row in rows['val']]
        count = min(len(held), self.images)
        labels = [held[len(held) * index // count] for index in range(count)]
        grid = next(hook for hook in runner.hooks if isinstance(hook, SampleGridHook))
        drawn = torch.from_numpy(np.stack(list(grid.pictures(runner, labels, range(len(labels))))))
        with repeatable(tf32=True):
            if self._judge is None:
                train, val = ([(root / row['img_path'], row['gt_label']) for row in part] for part in rows.values())
                classes = getattr(runner.model, 'module', runner.model).num_classes
                self._judge = figures.Judge.of(train, val, classes, steps=self.steps, seeds=1)
            seen = self._judge.look(drawn.permute(0, 3, 1, 2), torch.tensor(labels))
        shown = {f'{name}/{figure}': float(value) for name in figures.ROWS for figure, value in seen[name].items()
                 if figure in ('sharpness', 'one_nn', 'kid', 'recognised')}
        runner.visualizer.add_scalars(shown, step=runner.iter + 1)
        return seen

    def _end(self, runner: Any) -> None:
        """Write what was seen, and stop where that is enough."""
        looks = runner.message_hub.get_info(_KEPT, [])
        failed = len(looks) >= self.running and all(look['signs'] for look in looks[-self.running:])
        if is_main_process():
            json_files.write(Path(runner.work_dir).parent / LOOKS, dict(
                looks=looks, stopped=looks[-1]['iteration'] if failed else None, of=runner.max_iters))
        if failed:
            runner.train_loop.stop_training = True
            if is_main_process():
                print(f'\n[synth] stopped after {looks[-1]["iteration"]} of {runner.max_iters} iterations: '
                      f'{"; ".join(looks[-1]["signs"])}', file=sys.stderr)
