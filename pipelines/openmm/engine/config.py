"""mm configs, loaded for one dataset and checked against its data before anything is built.

A config reads what belongs to the data and the machine from the environment, with the official dataset's values as
defaults, so that it also works with the libraries' own tools:

    data_root = '{{$FGIC_DATA_ROOT:work_dirs/dogs/crop}}'
    num_classes = {{'$FGIC_NUM_CLASSES:120'}}
    ann_file = 'crop/{{$FGIC_IMAGES:full}}_train.json'
"""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import InputError
from pipelines.core.rows import FULL, Images
from pipelines.openmm.engine import config_files, config_lines
from pipelines.openmm.engine.config_files import COMPARED_WITH, PRETRAINING

if TYPE_CHECKING:
    from mmengine import Config


FEATURE_CACHE = 'FeatureCacheHook'
SOFTENED = 0.8  # of a synthetic image's label that stays on its class, where it takes the place of a real one
RUNNER_READS = ('model_wrapper_cfg', 'sync_bn', 'find_unused_parameters', 'activation_checkpointing',
                'efficient_conv_bn_eval')  # of the whole config, besides its parameters


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    old = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in old.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def load(path: Path, *, data_root: Path, num_classes: int, images: Images = FULL, options: Sequence[str] = ()
         ) -> Config:
    """Parse a config for the data at hand and import the library it names in ``default_scope``.

    Args:
        path: the config file.
        data_root: the folder the config's file names are relative to.
        num_classes: of the data; the config's own must agree wherever it says one.
        images: that a classifier sees.
        options: ``key.of.config=value`` overrides, as in ``--cfg-options``.
    Raises:
        InputError: an unreadable config, or one that does not fit the data.
    """
    from pipelines.openmm.compat import scope

    scope.check_installed()
    with _environment(FGIC_DATA_ROOT=str(data_root), FGIC_NUM_CLASSES=str(num_classes),
                      FGIC_IMAGES=images.kind):
        cfg = config_files.read(path, options)
    if images.imbalance:  # after that: an override means the same in every row
        cfg.train_dataloader.dataset = dict(type='LongTailed', dataset=cfg.train_dataloader.dataset,
                                            imbalance=images.imbalance)
    if images.generator:
        _mix(cfg.train_dataloader, images)
    check_num_classes(cfg, path, 1 if cfg.get('class_agnostic') else num_classes)
    if cfg.get('default_scope') not in scope.LIBRARIES:
        raise InputError(config_lines.place(path, 'default_scope'), expected=' or '.join(scope.LIBRARIES),
                         found=str(cfg.get('default_scope')), remedy='name the library that the config is for')
    scope.enter(cfg.default_scope)
    if cfg.get('speed', {}).get('dtype') == 'auto':  # what runs is what config.py shows
        from pipelines.openmm.engine import speed
        cfg.speed.dtype = speed.native()
    return cfg


def _mix(loader: dict, images: Images) -> None:
    """A generator's images beside a loader's own, loaded in the same way, in as many steps (classify/mixing.py)."""
    real = own = loader['dataset']
    while 'ann_file' not in own and 'dataset' in own:  # wrappers
        own = own['dataset']
    folder = f'synth/{images.generator}'
    synthetic = dict(own, ann_file=f'{folder}/train.json', data_prefix=folder)
    sampler = loader.get('sampler') or dict(type='DefaultSampler', shuffle=True)
    if images.replaces:
        loader['dataset'] = dict(type='WithSynthetic', softened=SOFTENED, real=real, synthetic=synthetic)
        loader['sampler'] = dict(type='ReplacingSampler', p=images.percent / 100, sampler=sampler)
    else:
        loader['dataset'] = dict(type='WithSynthetic', ratio=images.percent / 100, real=real, synthetic=synthetic)
        loader['sampler'] = dict(type='PooledSampler', sampler=sampler)


def sees_once(cfg: Config) -> bool:
    """Whether a frozen network sees each image once, and its vectors are kept (`classify.frozen_features`)."""
    return any(hook['type'].rpartition('.')[2] == FEATURE_CACHE for hook in cfg.get('custom_hooks') or [])


def walk(node: Any, where: str = '') -> Iterator[tuple[str, Any]]:
    """Every (dotted key, value) below a node of a config; list elements by number."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        name = f'{where}.{key}' if where else str(key)
        yield name, value
        yield from walk(value, name)


def effective_keys(scope: str) -> set[str]:
    """Top-level keys that mmengine's Runner or a stage of a library reads; all others are variables of a config's own.

    docs/config_keys.md says what becomes of each.
    """
    import inspect

    from mmengine.runner import Runner

    own = dict(mmdet={'class_agnostic'}, mmpretrain={COMPARED_WITH, PRETRAINING}, mmagic={'sampling'}).get(scope, set())
    runner = {*inspect.signature(Runner).parameters, *RUNNER_READS} - {'cfg'}
    return {*runner, 'data_root', 'custom_imports', 'speed', *own}


def check_num_classes(cfg: Config, path: Path, expected: int) -> None:
    """Every ``num_classes`` of a config fits the data.

    Raises:
        InputError: names the key and both numbers.
    """
    for key, value in walk(cfg._cfg_dict.to_dict()):
        if key.endswith('num_classes') and value != expected:
            raise InputError(config_lines.place(path, key), expected=f'{expected}, the number of classes in the data',
                             found=str(value), remedy='take the line out of the config: the number comes from the data')
