"""What a config's ``type`` means, and which arguments it takes."""
from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Mapping
from typing import Any

# Keys that someone else than the class of `type` takes out of a dict, by a part of the dict's key.
CONSUMED = {
    'norm_cfg': {'requires_grad'},                    # mmcv build_norm_layer
    'init_cfg': {'override'},                         # mmengine initialize
    'param_scheduler': {'convert_to_iter_based'},     # Runner
    'default_hooks': {'priority'}, 'custom_hooks': {'priority'},  # Runner.register_hook
    'optim_wrapper': {'optimizer', 'paramwise_cfg', 'constructor'},  # DefaultOptimWrapperConstructor
    'train_cfg': {'by_epoch'},                        # Runner
    'nms': {'class_agnostic', 'split_thr'},           # mmcv batched_nms
    'ema_config': {'start_iter'},                     # mmagic BaseGAN
}
# Where the libraries look a `type` up first; then in their other registries.
PREFERRED = dict(model=('MODELS', 'TASK_UTILS', 'WEIGHT_INITIALIZERS'), dataloader=('DATASETS', 'DATA_SAMPLERS'),
                 pipeline=('TRANSFORMS',), optim_wrapper=('OPTIM_WRAPPERS', 'OPTIMIZERS'),
                 param_scheduler=('PARAM_SCHEDULERS',), evaluator=('METRICS',), hooks=('HOOKS',),
                 sampling=('GENERATORS',))


@functools.cache
def parameters(built: Any) -> frozenset[str] | None:
    """Names that a class, or a function, can be called with; None: any, as far as signatures tell.

    A class that hands its ``**kwargs`` on to its parent's ``__init__`` takes what that takes; one that hands them
    elsewhere (``TIMMBackbone``: to timm) may take anything.
    """
    known: set[str] = set()
    owners = [vars(cls)['__init__'] for cls in built.__mro__ if '__init__' in vars(cls)] \
        if inspect.isclass(built) else [built]
    for owner in owners:
        if owner is object.__init__:
            return frozenset(known)
        arguments = inspect.signature(owner).parameters
        known.update(arguments)
        others = next((name for name, value in arguments.items() if value.kind is value.VAR_KEYWORD), None)
        if others is None or built in _closed():
            return frozenset(known)
        if not _hands_on(owner, others):
            return None
    return None


@functools.cache
def _closed() -> tuple[type, ...]:
    """Classes that keep further arguments without a use for them."""
    from pipelines.openmm.engine.checkpoints import CheckpointHook, SafeCheckpointHook

    return CheckpointHook, SafeCheckpointHook


def _hands_on(function: Any, name: str) -> bool:
    """Whether an ``__init__`` calls another one with ``**name``."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(keyword.arg is None and getattr(keyword.value, 'id', '') == name
               for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == '__init__'
               for keyword in node.keywords)


@functools.cache
def _registries(scope: str) -> dict[str, Any]:
    from mmengine.registry import Registry
    ours = ['pipelines.openmm.synth.generators'] if scope == 'mmagic' else []
    modules = [vars(importlib.import_module(name)) for name in ('mmengine.registry', f'{scope}.registry', *ours)]
    return {name: value for module in modules for name, value in module.items() if isinstance(value, Registry)}


def resolve(kind: Any, key: str, scope: str) -> Any:
    """The class or function that ``type=kind`` at a key means; None where nothing of that name is known."""
    if not isinstance(kind, str):
        return kind
    if key.endswith(('nms', 'roi_layer')):  # mmdet takes these from mmcv by name
        return getattr(importlib.import_module('mmcv.ops'), kind, None)
    registries = _registries(scope)
    first = [name for part, names in PREFERRED.items() if part in key for name in reversed(names)][::-1]
    ordered = [registries[name] for name in [*first, *registries] if name in registries]
    found = next((found for registry in ordered if (found := registry.get(kind)) is not None), None)
    if isinstance(found, functools.partial):  # mmpretrain's wrapper of torchvision's transforms
        return found.keywords.get('transform', found.func)
    return found


@functools.cache
def _typeless() -> dict[str, frozenset[str]]:
    """By key, what is taken of dicts that name no type."""
    from mmengine.optim import OptimWrapper
    from mmengine.runner import LogProcessor, set_random_seed
    from torch.utils.data import DataLoader

    from pipelines.openmm.attacks import Attack
    from pipelines.openmm.engine import speed

    def of(built: Any) -> frozenset[str]:
        found = parameters(built)
        assert found is not None, built
        return found

    loader = of(DataLoader) | {'num_batch_per_epoch'}
    return {**{f'{split}_dataloader': loader for split in ('train', 'val', 'test')},
            'optim_wrapper': of(OptimWrapper) | CONSUMED['optim_wrapper'],
            'log_processor': of(LogProcessor), 'randomness': of(set_random_seed),
            'speed': of(speed.apply) - {'network'},
            'model.attack': of(Attack) | {'p'}, 'model.val_attack': of(Attack),  # AdversarialClassifier
            'auto_scale_lr': frozenset({'enable', 'base_batch_size'}),
            'val_cfg': frozenset({'fp16'}), 'test_cfg': frozenset({'fp16'}),  # ValLoop, TestLoop
            'env_cfg': frozenset({'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'}),  # Runner.setup_env
            'optim_wrapper.paramwise_cfg': frozenset({  # DefaultOptimWrapperConstructor
                'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult',
                'flat_decay_mult', 'bypass_duplicate', 'custom_keys',
                'layer_decay_rate'})}  # of LearningRateDecayOptimWrapperConstructor (lint_networks.layer_decay)


def taken(node: Mapping[str, Any], key: str, built: Any) -> frozenset[str] | None:
    """Keys of a config's dict that something takes; None: any, or not known.

    Args:
        key: of the dict.
        built: the class or function of its ``type``; None where it has no type.
    """
    if built is not None:
        known = parameters(built)
    else:
        known = None if 'constructor' in node else _typeless().get(key)
    if known is None:
        return None
    return known.union({'type'}, *(extra for part, extra in CONSUMED.items() if part in key)) - {'self'}


@functools.cache
def is_random(transform: type) -> bool:
    """Whether a transform draws random numbers: mmcv marks the methods of its own, torchvision names it; else the
    source tells. Others are found when they have drawn (`as_built`)."""
    if transform.__module__.startswith('torchvision.'):
        return transform.__name__.startswith('Random')
    own = [cls for cls in transform.__mro__[:-1] if cls.__name__ != 'BaseTransform']
    return bool(getattr(transform, '_methods_with_randomness', ())) or any(
        re.search(r'\brandom\.\w+\(', inspect.getsource(cls)) for cls in own if cls.__module__ != 'abc')
