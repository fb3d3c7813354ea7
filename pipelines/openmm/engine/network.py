"""The one way from a config to what computes: the network with its preprocessing, speed options, weights and loaders.

Training, validation, evaluation, the table's predictions, a detector's boxes, sampling and every later reader come
through here, so that a network is judged as it was trained.
"""
from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from pipelines.core.errors import InputError
from pipelines.openmm.engine import speed
from pipelines.openmm.weights import loading as weight_files


def model_config(cfg: Config, part: str | None = None) -> dict[str, Any]:
    """What a config says of its network, wherever it says it.

    Args:
        part: of a GAN, ``generator`` or ``discriminator`` alone.
    Returns:
        ``model``, with the preprocessing that stands at the top level of mmpretrain's dataset bases; or a part of it,
        with what a GAN hands on to its parts.
    """
    model = copy.deepcopy(cfg.model)
    if part is not None:
        return {**{name: model[name] for name in ('noise_size', 'num_classes') if name in model}, **model[part]}
    if cfg.get('data_preprocessor'):
        model.setdefault('data_preprocessor', copy.deepcopy(cfg.data_preprocessor))
    return model


def build(cfg: Config, weights: Path | Mapping[str, Any] | None = None, *, part: str | None = None) -> nn.Module:
    """The network of a config, in float32, on the CPU.

    Args:
        cfg: as loaded by `config.load`.
        weights: ``model.pth``, or a state dict; None: as initialised by its constructor.
        part: of a GAN, as for `model_config`. It computes as its caller says, not as ``speed``.
    Raises:
        InputError: weights of another network, or ``speed`` options that it cannot follow.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        network = MODELS.build(model_config(cfg, part))
    if part is None:
        speed.apply(network, **cfg.get('speed', {}))
    if weights is not None:
        load(network, weights, of=cfg)
    return network


def load(network: nn.Module, weights: Path | Mapping[str, Any], *, of: Config) -> None:
    """Put weights into a network; every tensor of both has its place.

    Args:
        of: the network's config, to name it.
    Raises:
        InputError: weights of another network.
    """
    state = weight_files.load(weights) if isinstance(weights, Path) else weights
    try:
        network.load_state_dict(state.get('state_dict', state))
    except RuntimeError as error:
        raise InputError(weights if isinstance(weights, Path) else 'weights',
                         expected=f'the weights of {Path(of.filename).name if of.filename else "this config"}',
                         found='; '.join(line.strip() for line in str(error).splitlines()[1:3]) or str(error),
                         remedy='name the config that was trained there') from None


def loader(cfg: Config, split: str) -> DataLoader:
    """The images of ``train``, ``val`` or ``test``, as this machine can feed them."""
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        return Runner.build_dataloader(speed.loader(cfg[f'{split}_dataloader']))


class NetworkRunner(Runner):
    """mmengine's Runner around `build`."""

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Before DDP lays out its buckets, as the layout of weights belongs to `build`."""
        return build(self.cfg) if isinstance(model, dict) else model

    def _init_model_weights(self) -> None:
        """Draw weights into plain memory, which is filled in its order: the same seed gives the same weights."""
        import torch

        self.model.to(memory_format=torch.contiguous_format)
        super()._init_model_weights()
        if self.cfg.get('speed', {}).get('channels_last'):
            self.model.to(memory_format=torch.channels_last)
