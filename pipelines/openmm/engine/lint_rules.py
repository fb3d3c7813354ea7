"""The rules of lint_configs, each a generator of findings: `InputError`s that are collected, not raised.

A finding's place is ``file:line, key``: the line to change, in the config or in the base that it comes from.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import lineage
from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_files, config_lines, config_variables, signatures
from pipelines.openmm.engine.config import effective_keys, sees_once, walk

if TYPE_CHECKING:
    from mmengine import Config

Findings = Iterator[InputError]


@dataclass(frozen=True)
class Setting:
    """What a config is checked against.

    Args:
        config: the file.
        cfg: as loaded by `pipelines.openmm.engine.config.load`, which makes its library the default scope.
        classes: names, in order; of a class-agnostic detector the one name of its super-class.
        work: folder that holds the stages' folders, for lists of the user's own.
        gpus: that share one training.
        load: another config for the same data, without the options.
        options: ``key=value`` overrides that are in ``cfg`` and in no file.
        data_root: what file names are relative to.
    """
    config: Path
    cfg: Config
    classes: Sequence[str]
    work: Path
    gpus: int
    load: Callable[[Path], Config]
    options: Sequence[str] = ()
    data_root: Path = Path()

    def overrides(self, key: str) -> bool:
        """Whether an option sets a key, or what is around it."""
        return any(f'{key}.'.startswith(option.partition('=')[0] + '.') for option in self.options)

    def finding(self, key: str, *, expected: str, found: str, remedy: str) -> InputError:
        where = f'--cfg-options, {key}' if self.overrides(key) else config_lines.place(self.config, key)
        return InputError(where, expected=expected, found=found, remedy=remedy)


# --- unknown keys ---

def unknown_keys(setting: Setting) -> Findings:
    """A key that nothing takes: mmengine merges a misspelt one without a word, and often builds without it."""
    cfg = setting.cfg._cfg_dict.to_dict()
    scope = cfg['default_scope']
    for key, node in walk(cfg):
        if not isinstance(node, dict):
            continue
        built = signatures.resolve(node['type'], key, scope) if 'type' in node else None
        if 'type' in node and built is None:
            yield setting.finding(f'{key}.type', expected=f'a name registered in {scope}', found=str(node['type']),
                                  remedy='correct it, or import the module that has it')
        elif (taken := signatures.taken(node, key, built)) is not None:
            owner = built.__name__ if built else key
            for name in sorted(name for name in set(node) - taken if not name.startswith('_')):
                yield setting.finding(f'{key}.{name}', expected=f'an argument of {owner}', found=name,
                                      remedy=instead(name, taken))
    yield from _unread(setting, cfg)


def instead(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f'write {close[0]}' if close else 'take it out'


def _unread(setting: Setting, cfg: dict) -> Findings:
    """Top-level names that neither the Runner, nor a stage, nor a line that matters reads where they are set."""
    read = effective_keys(cfg['default_scope'])
    expected = "a key of mmengine's Runner, or a variable that another line reads"
    for file, line, name in config_variables.dead(setting.config, read):
        if name in cfg:
            inherited = any(name in config_variables.names(base) for base in config_files.files(file)[:-1])
            yield InputError(f'{config_lines.shown(file)}:{line}, {name}', expected=expected, found=name,
                             remedy='its base has read its own before: set the key that the base set with it'
                             if inherited else instead(name, read))
    read -= {config_files.COMPARED_WITH}  # of a config's own text
    for name in sorted({option.partition('=')[0].partition('.')[0] for option in setting.options} - read):
        yield InputError(f'--cfg-options, {name}', expected="a key of mmengine's Runner", found=name,
                         remedy=instead(name, read))


# --- the data ---

def class_names(setting: Setting) -> Findings:
    """Names that a config says itself; the data's are read from the lists, so it need not say any."""
    for key, value in walk(setting.cfg._cfg_dict.to_dict()):
        if key.split('.')[-1].lower() == 'classes' and isinstance(value, (list, tuple)):
            if list(value) != list(setting.classes):
                yield setting.finding(key, expected='the names in the data: ' + _shortened(setting.classes),
                                      found=_shortened(value), remedy='take the line out: names come from the data')


def _shortened(names: Sequence[str]) -> str:
    return ', '.join(names[:3]) + (f', ... ({len(names)})' if len(names) > 3 else '')


def split_of(name: str, work: Path) -> str | None:
    """train, val or test, by a list's file name; else by the rows of a list of the user's own; None: not known yet."""
    if match := re.search(r'(?:^|_)(train|val|test)$', Path(name).stem):
        return match[1]
    if not (work / name).is_file():
        return None
    found = {row['split'] for row in lineage.read_list(work / name)[1]}
    return next((split for split in ('test', 'val') if split in found), 'train')


def splits(setting: Setting) -> Findings:
    """Test (or val) images in training, and epochs chosen on test."""
    detector = setting.cfg.default_scope == 'mmdet'  # its stage gives test_dataloader the list of each split
    allowed = dict(train={'train'}, val={'val'}, test={'test', *(['val'] if detector else [])})
    for loader, of in allowed.items():
        node = setting.cfg.get(f'{loader}_dataloader') or {}
        for key, value in walk(dict(node), f'{loader}_dataloader'):
            if key.endswith('.ann_file') and (split := split_of(value, setting.work)) not in {*of, None}:
                why = dict(train='nothing of it may be trained on', test='its figures are of images never trained on',
                           val='val chooses the epoch, and test is read once, at the end')[loader]
                yield setting.finding(key, expected=f'a list of {loader}', found=f'{value}, of {split}',
                                      remedy=f'name a list of {loader} there: {why}')


def augmented(setting: Setting) -> Findings:
    """Random transforms in the pipelines of val and test, and in train's where each image is seen once."""
    for split in ('val', 'test', *(('train',) if sees_once(setting.cfg) else ())):
        node = setting.cfg.get(f'{split}_dataloader') or {}
        for key, value in walk(dict(node), f'{split}_dataloader'):
            if isinstance(value, dict) and 'type' in value and re.search(r'\.(pipeline|transforms)\.\d+$', key):
                built = signatures.resolve(value['type'], key, setting.cfg.default_scope)
                if built is not None and signatures.is_random(built):
                    yield setting.finding(f'{key}.type', expected=f'the same {split} image each time',
                                          found=built.__name__, remedy='take that transform out of this pipeline')


# --- the rate and the weights ---

def learning_rate(setting: Setting) -> Findings:
    """The rate belongs to a batch size: `auto_scale_lr` names it, and mmengine scales for GPUs x batch with `enable`.

    Several optimisers (GANs) are left out: their rates are balanced against each other and do not follow the batch.
    Source: Goyal et al. 2017, Accurate, Large Minibatch SGD (arXiv 1706.02677).
    """
    cfg = setting.cfg
    if 'optimizer' not in cfg.get('optim_wrapper', {}):
        return
    batch, accumulated = cfg.train_dataloader.batch_size, cfg.optim_wrapper.get('accumulative_counts', 1)
    total = setting.gpus * batch * accumulated
    scale = cfg.get('auto_scale_lr') or {}
    says = f'{total} = {setting.gpus} GPUs x {batch} images x {accumulated} accumulated'
    if scale.get('enable'):
        if accumulated > 1:
            yield setting.finding('auto_scale_lr.enable', found=says,
                                  expected='no accumulation, which mmengine leaves out when it scales the rate',
                                  remedy=f'set enable=False and the rate for {total} images')
    elif 'base_batch_size' in scale:
        if scale['base_batch_size'] != total:
            yield setting.finding('auto_scale_lr.enable', expected=f'a rate for {scale["base_batch_size"]} images',
                                  found=says, remedy='set enable=True, or the rate and base_batch_size for that')
    elif setting.gpus > 1:
        yield setting.finding('optim_wrapper.optimizer.lr', expected='the batch size that the rate is for', found=says,
                              remedy=f'add auto_scale_lr = dict(enable=True, base_batch_size={batch * accumulated})')


def precision(setting: Setting) -> Findings:
    """How a network computes, and what a generator samples in."""
    from pipelines.openmm.engine import speed
    from pipelines.openmm.synth import generators, recipes
    try:
        speed.check(**setting.cfg.get('speed', {}))
    except InputError as error:
        where = error.parts['where']
        yield setting.finding(where, **{part: error.parts[part] for part in ('expected', 'found', 'remedy')})
    if setting.cfg.default_scope == 'mmagic':
        try:
            generators.build(setting.cfg, recipes.Recipe(setting.config, setting.data_root, tuple(setting.classes)))
        except InputError as error:
            yield error


def weights(setting: Setting) -> Findings:
    """Weights that are not there, have another checksum, or come from where nothing checks them."""
    from pipelines.openmm.weights import loading as table
    from pipelines.openmm.weights import parents
    for name in table.named(setting.config):
        try:
            table.resolve(name)
        except InputError as error:
            lines = [f'{config_lines.shown(file)}:{number}' for file in config_files.files(setting.config)
                     for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), 1)
                     if table.SCHEME + name in line]
            yield InputError(f'{lines[-1] if lines else setting.config}, {table.SCHEME}{name}', **{
                part: error.parts[part] for part in ('expected', 'found', 'remedy')})
    for key, value in walk(setting.cfg._cfg_dict.to_dict()):
        if key.split('.')[-1] in ('checkpoint', 'checkpoint_path', 'pretrained', 'load_from'):
            if isinstance(value, (str, bool)) and value and not str(value).startswith((table.SCHEME, parents.SCHEME)):
                yield setting.finding(key, expected=f'{table.SCHEME}NAME, whose checksum is known', found=str(value),
                                      remedy='add the file to the table, pipelines/openmm/weights/table.py')


RULES = (unknown_keys, class_names, splits, augmented, learning_rate, precision, weights)
