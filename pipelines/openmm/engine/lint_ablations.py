"""Rules of lint about a config that changes another: it changes something, and nothing by a name that nothing takes."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.core.errors import InputError
from pipelines.openmm.engine import config_files, config_lines, config_variables, signatures
from pipelines.openmm.engine.config import effective_keys, walk
from pipelines.openmm.engine.lint_rules import Findings, Setting, instead

_FREE = ('custom_keys', 'metainfo')  # dicts whose keys are the user's own


def changes(setting: Setting) -> Findings:
    """What is built differs from what the parent builds; a row that does not would be read as "no gain shown"."""
    parent = config_files.parent(setting.config)
    if parent is None:
        return
    cfg, above = (setting.load(path)._cfg_dict.to_dict() for path in (setting.config, parent))
    read = effective_keys(cfg['default_scope']) - {config_files.COMPARED_WITH}
    named = {file for file, _, _ in config_variables.dead(setting.config, read)}  # the cause is said by another rule
    if all(cfg.get(key) == above.get(key) for key in read) and setting.config.resolve() not in named:
        yield InputError(config_lines.shown(setting.config), expected=f'a change of {config_lines.shown(parent)}',
                         found='none: what is built is the same',
                         remedy='set a key that is read, as train_dataloader.dataset.pipeline; or name the parent')
    yield from _new_names(setting, cfg, above)


def _new_names(setting: Setting, cfg: dict, above: dict) -> Findings:
    """Key paths that the parent does not have, where no signature tells whether something takes them."""
    if '_delete_' in setting.config.read_text(encoding='utf-8'):
        return  # a dict is written anew
    old = dict(_dicts(above))
    for key, node in _dicts(cfg):
        before = old.get(key)
        if before is None or before.get('type') != node.get('type') or any(part in key for part in _FREE):
            continue
        built = signatures.resolve(node['type'], key, cfg['default_scope']) if 'type' in node else None
        if signatures.taken(node, key, built) is not None:
            continue  # the rule of unknown keys looks at it
        for name in sorted(set(node) - set(before)):
            if not (isinstance(node[name], dict) and 'type' in node[name]):
                yield setting.finding(f'{key}.{name}', expected=f'a key that the parent has in {key}', found=name,
                                      remedy=f'{instead(name, before)}; if it is meant, write {key} anew, with '
                                             '_delete_=True')


def _dicts(cfg: dict) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((key, node) for key, node in walk(cfg) if isinstance(node, dict))


RULES = (changes,)
