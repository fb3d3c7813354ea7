"""Rules of lint about what the stages decide, and about what of mmengine's keys would not be followed everywhere.

docs/config_keys.md says for each top-level key what becomes of it.
"""
from __future__ import annotations

import os
from typing import Any

from pipelines.core.errors import InputError
from pipelines.core.rows import FULL, Row
from pipelines.openmm.engine import config_lines, signatures
from pipelines.openmm.engine.config import walk
from pipelines.openmm.engine.lint_rules import Findings, Setting
from pipelines.openmm.weights import parents

# Key: the one value that agrees with the stages, who says it instead.
DECIDED = {
    'work_dir': (None, 'say --out, or WORK of make'),
    'resume': (True, 'an interrupted training always goes on; remove its folder to start anew'),
    'launcher': ('none', 'say GPUS (--gpus), or use tools/dist_train.sh'),
    'randomness.seed': (None, 'say SEEDS (--seeds, --seed)'),
}
_ELSEWHERE = ('out_dir', 'file_client_args', 'backend_args')


def decided(setting: Setting) -> Findings:
    """Keys that a stage sets: it would replace what a config says."""
    given = dict(walk(setting.cfg._cfg_dict.to_dict()))
    for key, (agreed, remedy) in DECIDED.items():
        # A library's own runtime base says resume=False: that is nobody's wish.
        if given.get(key, agreed) not in (agreed, None) and (setting.overrides(key) or config_lines.find(
                setting.config, key)):
            yield setting.finding(key, expected='nothing: the stage decides', found=str(given[key]), remedy=remedy)


def preprocessing(setting: Setting) -> Findings:
    """mmengine takes ``data_preprocessor`` into a model that has none, and leaves it out where it has one."""
    if setting.cfg.get('data_preprocessor') and 'data_preprocessor' in setting.cfg.model:  # None, too
        yield setting.finding('data_preprocessor', found='both', remedy='write model = dict(data_preprocessor=...)',
                              expected='one of data_preprocessor and model.data_preprocessor, which mmengine follows')


def data_roots(setting: Setting) -> Findings:
    """Lists and images of another experiment."""
    for key, value in walk(setting.cfg._cfg_dict.to_dict()):
        name = key.rpartition('.')[2]
        if name == 'data_root' and value and str(value) != str(setting.data_root):
            yield setting.finding(key, expected=str(setting.data_root), found=str(value),
                                  remedy='take the line out: the WORK that make was asked for is read')
        elif name == 'ann_file' and isinstance(value, str) and os.path.isabs(value) and not value.startswith(
                str(setting.data_root)):
            yield setting.finding(key, expected=f'a list below {setting.data_root}', found=value,
                                  remedy='write it relative to data_root')
        elif name == 'backend_args' and isinstance(value, dict) and value.get('backend', 'local') != 'local':
            yield setting.finding(key, expected='the files that the lists name, whose SHA-256 they hold',
                                  found=f'backend {value["backend"]}',
                                  remedy='take it out: put the images where WORK is')


def checkpoints(setting: Setting) -> Findings:
    """Checkpoints from which a training can go on, and which hold the best weights on val."""
    key, scope = 'default_hooks.checkpoint', setting.cfg.default_scope
    hook: dict[str, Any] | None = (setting.cfg.get('default_hooks') or {}).get('checkpoint', {'type': 'CheckpointHook'})
    if not hook:
        yield setting.finding(key, expected='a CheckpointHook', found=str(hook),
                              remedy='take the line out: model.pth is made of its checkpoints')
        return
    if hook.get('type', 'CheckpointHook').rpartition('.')[2] not in ('CheckpointHook', 'SafeCheckpointHook'):
        yield setting.finding(f'{key}.type', expected='CheckpointHook', found=str(hook['type']),
                              remedy='add yours to custom_hooks')
    for name in _ELSEWHERE:
        if hook.get(name) is not None:
            yield setting.finding(f'{key}.{name}', expected='nothing', found=str(hook[name]),
                                  remedy='take it out: checkpoints are in logs/ beside model.pth')
    for name in ('save_optimizer', 'save_param_scheduler'):
        if hook.get(name) is False:
            yield setting.finding(f'{key}.{name}', expected='True', found='False',
                                  remedy='take it out: an interrupted training goes on with its optimiser')
    train = setting.cfg.get('train_cfg') or {}
    by_epoch = 'IterBased' not in str(train.get('type', '')) and train.get('by_epoch', True)
    if hook.get('by_epoch', True) != by_epoch:
        yield setting.finding(f'{key}.by_epoch', expected=f'{by_epoch}, as train_cfg counts', found=str(not by_epoch),
                              remedy=f'write default_hooks = dict(checkpoint=dict(by_epoch={by_epoch}))')
    if hook.get('save_best') and not setting.cfg.get('val_dataloader'):
        yield setting.finding(f'{key}.save_best', expected='a validation to choose by', found='no val_dataloader',
                              remedy='take it out, or add val_dataloader, val_evaluator and val_cfg')
    yield from _built(setting, key, hook)
    for number, other in enumerate(setting.cfg.get('custom_hooks') or []):
        built = signatures.resolve(other['type'], 'custom_hooks', scope)
        if isinstance(built, type) and any(part.__name__ == 'CheckpointHook' for part in built.__mro__):
            yield setting.finding(f'custom_hooks.{number}', expected='one hook of checkpoints', found=other['type'],
                                  remedy=f'set {key}; save_best takes several metrics')


def _built(setting: Setting, key: str, hook: dict[str, Any]) -> Findings:
    """What the hook itself says of its arguments."""
    from pipelines.openmm.engine.checkpoints import SafeCheckpointHook

    known = signatures.parameters(SafeCheckpointHook)
    try:
        SafeCheckpointHook(**{name: value for name, value in hook.items() if known is None or name in known})
    except InputError as error:
        yield setting.finding(f'{key}.rule', **{part: error.parts[part] for part in ('expected', 'found', 'remedy')})
    except (AssertionError, ValueError, TypeError) as error:
        yield setting.finding(key, expected='arguments that fit each other', found=str(error), remedy='correct them')


def length(setting: Setting) -> Findings:
    """A training of no step would leave the network as it was drawn."""
    for name in ('max_epochs', 'max_iters'):
        value = (setting.cfg.get('train_cfg') or {}).get(name)
        if value is not None and value < 1:
            yield setting.finding(f'train_cfg.{name}', expected='at least 1', found=str(value),
                                  remedy='train for one at least')


def evaluation(setting: Setting) -> Findings:
    """What val judges, and the table predicts, is the network that is kept, on all images."""
    cfg = setting.cfg
    for split in ('val', 'test'):
        loop = cfg.get(f'{split}_cfg') or {}
        if loop.get('fp16'):
            yield setting.finding(f'{split}_cfg.fp16', expected='the precision that speed says', found='fp16=True',
                                  remedy="write speed = dict(dtype='bfloat16'), which holds wherever it computes")
        if loop.get('type', f'{split.title()}Loop') != f'{split.title()}Loop':
            yield setting.finding(f'{split}_cfg.type', expected=f'{split.title()}Loop', found=str(loop['type']),
                                  remedy='take it out: the table predicts with the network alone')
        if (cfg.get(f'{split}_dataloader') or {}).get('num_batch_per_epoch'):
            yield setting.finding(f'{split}_dataloader.num_batch_per_epoch', expected=f'every image of {split}',
                                  found=f'{cfg[f"{split}_dataloader"].num_batch_per_epoch} batches',
                                  remedy='take it out')
    for number, hook in enumerate(cfg.get('custom_hooks') or []):
        if hook['type'].rpartition('.')[2] == 'EMAHook' and hook.get('evaluate_on_ema') is False:
            yield setting.finding(f'custom_hooks.{number}.evaluate_on_ema', expected='True', found='False',
                                  remedy='take it out: model.pth holds the averaged weights, so val has to judge them')


def other_rows(setting: Setting) -> Findings:
    """Rows that a classifier starts from (``model://``): there are such recipes, and none of them starts from it."""
    row = Row(setting.config, FULL)
    try:
        found = parents.of(row, setting.options)
        if setting.cfg.default_scope == 'mmpretrain':
            parents.ancestors(row, setting.options)
    except InputError as error:
        yield error
        return
    for parent in found if setting.cfg.default_scope != 'mmpretrain' else ():
        yield InputError(f'{parent.where}, {parents.SCHEME}{parent.name}', expected='weights://NAME: rows of the table '
                         'are classifiers', found=parent.row.name, remedy='name weights of the table')


RULES = (decided, preprocessing, data_roots, checkpoints, length, evaluation, other_rows)
