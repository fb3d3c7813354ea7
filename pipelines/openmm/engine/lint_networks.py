"""Rules of lint about networks: what would fail, or mean something else, once they are built and trained."""
from __future__ import annotations

from typing import Any

from pipelines.core.errors import InputError
from pipelines.openmm.engine import signatures
from pipelines.openmm.engine.config import walk
from pipelines.openmm.engine.lint_rules import Findings, Setting


def attack(setting: Setting) -> Findings:
    """Values that make no attack."""
    from pipelines.openmm.classify import adversarial

    for key in ('attack', 'val_attack'):
        given = dict(setting.cfg.model.get(key) or {})
        known = signatures.taken(given, f'model.{key}', None) or ()  # of other names the rule of unknown keys speaks
        try:
            adversarial.read({name: value for name, value in given.items() if name in known})
        except InputError as error:
            yield setting.finding(f'model.{key}', **{
                part: error.parts[part] for part in ('expected', 'found', 'remedy')})


def heads(setting: Setting) -> Findings:
    """Heads of attention that do not share the channels alike, or are not as many as those of the weights."""
    from pipelines.openmm.weights import loading as weights

    for key, node in walk(setting.cfg.model.to_dict(), 'model'):
        if not isinstance(node, dict):
            continue
        width, count = node.get('embed_dims'), node.get('num_heads')
        if isinstance(width, int) and isinstance(count, int) and (count < 1 or width % count):
            yield setting.finding(f'{key}.num_heads', expected=f'a divisor of embed_dims, {width}', found=str(count),
                                  remedy='each head takes as many channels as the others: choose another number')
            continue
        source = str((node.get('init_cfg') or {}).get('checkpoint', '')) if isinstance(
            node.get('init_cfg') or {}, dict) else ''
        name = source.removeprefix(weights.SCHEME)
        if name == source or name not in weights.TABLE or not weights.row(name).heads:
            continue
        given, wanted = _heads(node, key, setting.cfg.default_scope), weights.row(name).heads
        if given is not None and given != wanted:
            yield setting.finding(f'{key}.arch', expected=f'{" ".join(map(str, wanted))} heads, as {source} has',
                                  found=' '.join(map(str, given)), remedy='train this network from scratch '
                                  '(init_cfg=None): its tensors have the same sizes and mean something else')


def _heads(node: dict[str, Any], key: str, scope: str) -> tuple[int, ...] | None:
    """Numbers of heads that a backbone's ``arch`` says; None: not known before it is built."""
    arch = node.get('arch')
    if isinstance(arch, str):
        arch = getattr(signatures.resolve(node.get('type'), key, scope), 'arch_zoo', {}).get(arch.lower())
    found = (arch or {}).get('num_heads') if isinstance(arch, dict) else None
    return tuple(found) if isinstance(found, (list, tuple)) else (found,) if isinstance(found, int) else None


def plateau(setting: Setting) -> Findings:
    """A schedule that waits for a plateau of what is measured on val; its default, the loss, is not
    (mmpretrain#1934)."""
    schedulers = setting.cfg.get('param_scheduler') or []
    evaluators = setting.cfg.get('val_evaluator') or []
    metrics = [evaluators] if isinstance(evaluators, dict) else evaluators
    for number, node in enumerate([schedulers] if isinstance(schedulers, dict) else schedulers):
        if not str(node.get('type')).rpartition('.')[2].startswith('ReduceOnPlateau'):
            continue
        key = 'param_scheduler' if isinstance(schedulers, dict) else f'param_scheduler.{number}'
        known = [prefix for metric in metrics if (prefix := metric.get('prefix') or getattr(signatures.resolve(
            metric.get('type'), 'val_evaluator', setting.cfg.default_scope), 'default_prefix', None))]
        monitor = node.get('monitor', 'loss')
        if monitor.partition('/')[0] not in known:
            yield setting.finding(f'{key}.monitor', expected=f'what is measured on val: {" or ".join(known)}/...',
                                  found=monitor, remedy="write monitor='accuracy/top1', rule='greater'")
        elif node.get('rule', 'less') != 'greater':
            yield setting.finding(f'{key}.rule', expected='greater, as more of it is better',
                                  found=node.get('rule', 'less'), remedy="write rule='greater'")


def layer_decay(setting: Setting) -> Findings:
    """Layer-wise rates without what sets them: every layer would learn at the same rate."""
    optim, known = setting.cfg.get('optim_wrapper') or {}, 'LearningRateDecayOptimWrapperConstructor'
    if 'layer_decay_rate' in (optim.get('paramwise_cfg') or {}) and known not in str(optim.get('constructor')):
        yield setting.finding('optim_wrapper.paramwise_cfg.layer_decay_rate', expected=f'constructor {known}',
                              found=str(optim.get('constructor')), remedy=f"add constructor='{known}' to optim_wrapper")


RULES = (attack, heads, plateau, layer_decay)
