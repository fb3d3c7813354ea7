"""Weights that a training starts from fit its network, and are in it; mmengine only logs where they do not.

Importing this teaches mmengine the scheme ``weights://`` and the hook `StartHook`.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner.checkpoint import get_state_dict
from torch import Tensor

from pipelines.core.errors import InputError
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights import parents

weights.register()
_RESIZED = ('pos_embed', 'relative_position_bias_table')  # which mmpretrain interpolates as it loads them


def misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What a network does not find in a state dict.

    Args:
        wanted: the network's own state dict; what is not floating point (counts, indices) needs no weights.
        given: of the weights.
    Returns:
        tensors that are not there, or have another size; and those of other size in the first dimension alone, as the
        outputs for another number of classes have: these start anew.
    """
    missing, anew = [], []
    for name, tensor in wanted.items():
        if not tensor.is_floating_point() or name.endswith(_RESIZED) and name in given:
            continue
        shape = getattr(given.get(name), 'shape', None)
        if shape is None or shape[1:] != tensor.shape[1:]:
            missing.append(name)
        elif shape != tensor.shape:
            anew.append(name)
    return missing, anew


def _refuse(source: str, what: str, missing: list[str], wanted: Mapping[str, Tensor]) -> None:
    if missing:
        raise InputError(source, expected=f'all tensors of {what}, in its sizes',
                         found=f'none for {len(missing)} of {len(wanted)}, such as {missing[0]}',
                         remedy='take weights made for this network, or correct the config (for one part: `prefix`)')


def check_normalisation(model: Any, source: str) -> None:
    """The model's inputs are normalised as those of the weights were.

    Args:
        source: ``weights://NAME``, or the ``model.pth`` of another row.
    Raises:
        InputError: another mean or standard deviation, or another order of colours.
    """
    if source.startswith(weights.SCHEME):
        known = weights.row(source.removeprefix(weights.SCHEME)).normalisation
        wanted, wanted_rgb = [list(values) for values in known or ()], True
    else:
        said = parents.inputs_of(source)
        wanted, wanted_rgb = [said[key] for key in ('mean', 'std') if said[key]], bool(said['to_rgb'])
    if not wanted:
        return
    preprocessor = model.data_preprocessor
    found = [values.flatten().tolist() for key in ('mean', 'std')
             if (values := getattr(preprocessor, key, None)) is not None]
    rgb = bool(getattr(preprocessor, 'to_rgb', getattr(preprocessor, '_channel_conversion', False)))
    close = len(found) == 2 and all(abs(ours - theirs) < 0.5
                                    for pair in zip(found, wanted) for ours, theirs in zip(*pair))
    if not close or rgb != wanted_rgb:
        raise InputError(source, expected=f'inputs as in its training: {_order(wanted_rgb)}, mean and std {wanted}',
                         found=f'{_order(rgb)}, {found or "not normalised"}',
                         remedy='set them in the config: model.data_preprocessor')


def _order(rgb: bool) -> str:
    return 'RGB' if rgb else 'BGR'


def _started(model: Any) -> Iterator[tuple[str, Any, dict]]:
    """Modules whose ``init_cfg`` names weights of the table or of another row: where each is, the module, and that part
    of its ``init_cfg``."""
    for where, module in model.named_modules():
        parts = getattr(module, 'init_cfg', None) or []
        for part in parts if isinstance(parts, (list, tuple)) else [parts]:
            source = str(part.get('checkpoint', ''))
            if source.startswith(weights.SCHEME) or parents.is_file(source):
                yield where, module, part


def _state(start: Mapping[str, Any]) -> dict[str, Any]:
    """What an ``init_cfg`` loads."""
    source, prefix = start['checkpoint'], start.get('prefix')
    state = weights.load(Path(source)) if parents.is_file(source) else weights.state(
        source.removeprefix(weights.SCHEME))
    if not prefix:
        return state
    return {name.removeprefix(f'{prefix}.'): value for name, value in state.items() if name.startswith(f'{prefix}.')}


def check_heads(module: Any, source: str) -> None:
    """A network has the heads of attention that its weights were trained with: sizes of tensors do not tell.

    Args:
        source: of the weights, as ``init_cfg`` names them.
    Raises:
        InputError: other ones.
    """
    if not source.startswith(weights.SCHEME):
        return
    wanted = weights.row(source.removeprefix(weights.SCHEME)).heads
    found = tuple(dict.fromkeys(part.num_heads for part in module.modules() if isinstance(
        getattr(part, 'num_heads', None), int)))
    if wanted and found != wanted:
        raise InputError(source, expected=f'{" ".join(map(str, wanted))} heads of attention',
                         found=' '.join(map(str, found)) or 'none', remedy='its tensors would fit and mean something '
                         'else: train this network from scratch (init_cfg=None)')


def check_fit(model: Any) -> None:
    """Every module that starts from such weights finds all its tensors in that file, and the inputs it was made for.

    Args:
        model: as built from a config.
    Raises:
        InputError: names the module, the file and what does not fit.
    """
    for where, module, start in _started(model):
        own = module.state_dict()
        missing, _ = misfits(own, _state(start))
        _refuse(f'{start["checkpoint"]} for {where or "the model"}', type(module).__name__, missing, own)
        check_heads(module, start['checkpoint'])
        check_normalisation(model, start['checkpoint'])


def check_loaded(model: Any) -> None:
    """The tensors of such weights are in the modules that ask for them: nothing has drawn them anew after loading.

    Raises:
        InputError: names the first tensor that has other values.
    """
    for where, module, start in _started(model):
        state = _state(start)
        for name, tensor in module.state_dict().items():
            given = state.get(name)
            if given is not None and given.shape == tensor.shape and not given.to(tensor).equal(tensor):
                raise InputError(f'{start["checkpoint"]} for {where or "the model"}', expected=f'its values in {name}',
                                 found='others: the network draws them after it has loaded the file',
                                 remedy='write init_cfg=dict(_delete_=True, type=\'Pretrained\', ...), not a list')


@HOOKS.register_module(force=True)
class StartHook(Hook):
    """What a training starts from is in the network.

    What ``load_from`` brings fits: of every part of the model (``backbone``, ``generator``, ...) all or nothing. The
    log says which parts it has nothing for, and which outputs are for another number of classes: these start anew.
    """
    priority = 'LOW'  # after hooks that give the weights other names

    def before_train(self, runner: Any) -> None:
        if not runner._has_loaded:
            check_loaded(getattr(runner.model, 'module', runner.model))

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        if runner._resume:
            return
        state, source = checkpoint.get('state_dict', checkpoint), str(runner._load_from)
        model = getattr(runner.model, 'module', runner.model)
        own, parts = get_state_dict(model), {name.partition('.')[0] for name in state}
        wanted = {name: tensor for name, tensor in own.items() if name.partition('.')[0] in parts}
        missing, anew = misfits(wanted, state)
        _refuse(f'load_from {source}', type(model).__name__, missing if wanted else list(own), own)
        if source.startswith(weights.SCHEME) or parents.is_file(source):
            check_normalisation(model, source)
        others = sorted({name.partition('.')[0] for name in own} - parts)
        runner.logger.info(f'from {source}; starting anew: {", ".join(others + anew) or "nothing"}')
