"""Metrics of trained weights on one split, shared by the processes of torchrun where there are several."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import InputError

if TYPE_CHECKING:
    from mmengine import Config


def choose(cfg: Config, split: str, path: Path) -> None:
    """Let ``test_dataloader`` and ``test_evaluator`` be those of ``val`` or ``test``.

    Args:
        cfg: as loaded by `config.load`.
        split: one of the two.
        path: of the config.
    Raises:
        InputError: the config has no evaluation (a generator's).
    """
    if not cfg.get('val_dataloader') or not cfg.get('test_dataloader'):
        raise InputError(path, expected='a config with val_dataloader and test_dataloader', found='none of them',
                         remedy='a generator is evaluated by its stage: make synth')
    if split == 'val':
        cfg.test_dataloader, cfg.test_evaluator, cfg.test_cfg = cfg.val_dataloader, cfg.val_evaluator, cfg.val_cfg
    elif cfg.default_scope == 'mmdet':  # whose configs name the files of train and val
        cfg.test_dataloader.dataset.ann_file = f'{split}.json'
        for metric in cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]:
            if 'ann_file' in metric:
                metric.ann_file = str(Path(cfg.data_root) / f'{split}.json')


def evaluate(cfg: Config, model: Path, folder: Path, *, title: str = 'test') -> tuple[int, dict[str, float]]:
    """Evaluate the config's ``test_dataloader``, every image of it once.

    mmengine's sampler repeats images until each process has as many; what is beyond the list is cut when the processes'
    results are put together.

    Args:
        cfg: after `choose`.
        model: a state dict, ``model.pth``.
        folder: gets log files.
        title: of the progress bar.
    Returns:
        the number of images, and the metrics by the names of the config's evaluator; the same in every process.
    Raises:
        InputError: weights of another network.
    """
    from pipelines.openmm.engine import network, training

    for part in ('train', 'val'):
        cfg[f'{part}_dataloader'] = cfg[f'{part}_cfg'] = None
    cfg.optim_wrapper = cfg.param_scheduler = cfg.val_evaluator = cfg.auto_scale_lr = None
    cfg.work_dir, cfg.experiment_name, cfg.log_level = str(folder), 'test', 'INFO'
    cfg.resume, cfg.load_from = False, None
    cfg.visualizer = dict(type='Visualizer', vis_backends=[])
    cfg.default_hooks = dict(checkpoint=None, logger=None)  # which writes one file in every process at once
    cfg.custom_hooks = [dict(type='mmengine.ProgressHook', title=title)]
    with training.quiet():
        runner = training.build_runner(cfg)
        network.load(getattr(runner.model, 'module', runner.model), model, of=cfg)
        metrics = runner.test()
    return len(runner.test_loop.dataloader.dataset), metrics
