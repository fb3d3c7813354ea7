"""A classifier with fewer channels than the row it comes from, to be trained on: filter pruning.

The channels with the smallest weights go (Li et al. 2017, arXiv 1608.08710), with all that belongs to them in the
layers before and after (Fang et al. 2023, arXiv 2301.12900: torch-pruning). The tensors are smaller then; nothing is
masked. Which channels went is a part of the weights: ``pruning_history``, JSON as bytes, by which a network of the full
size takes its shape before the other tensors of a ``model.pth`` are read.
"""
from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from pipelines.core.errors import InputError
from pipelines.openmm.weights import loading, parents

HISTORY = 'pruning_history'
_SIDE = 64  # pixels of the image that the layers are followed with


@MODELS.register_module(force=True)
class PrunedClassifier(ImageClassifier):
    """`ImageClassifier` without a share of the channels of each layer of its backbone.

    A training begins with the weights of ``parent``, a row of the same network, maybe a pruned one.

    Args:
        parent: ``model://ROW``; or ``random``, to measure a training.
        ratio: share of the channels that go.
        round_to: channels that are left are a multiple of this.
    Raises:
        InputError: a ratio out of its range, or a network with attention, whose heads are not pruned.
    """

    def __init__(self, *args: Any, parent: str, ratio: float, round_to: int = 8, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 < ratio < 1:
            raise InputError('model.ratio', expected='a share between 0 and 1', found=str(ratio), remedy='correct it')
        if attention := [name for name, part in self.named_modules() if 'Attention' in type(part).__name__]:
            raise InputError('model.backbone', expected='a convolutional network', found=f'attention in {attention[0]}',
                             remedy='prune a ResNet, DenseNet, MobileNet or EfficientNet-Lite')
        self.register_buffer(HISTORY, torch.zeros(0, dtype=torch.uint8))
        self._is_started = parents.is_file(parent)
        if self._is_started:
            self.load_state_dict({HISTORY: torch.zeros(0, dtype=torch.uint8), **loading.load(Path(parent))})
            _without_start(self)
        if self._is_started or parent == 'random':
            self._prune(ratio, round_to)

    def init_weights(self) -> None:
        """As of `ImageClassifier`, unless the parent's weights are in it."""
        if not self._is_started:
            super().init_weights()

    def _prune(self, ratio: float, round_to: int) -> None:
        import torch_pruning as tp

        with _traced(self) as image:
            pruner = tp.pruner.MetaPruner(
                self, image, importance=tp.importance.MagnitudeImportance(p=2), pruning_ratio=ratio, round_to=round_to,
                ignored_layers=[part for part in self.head.modules() if isinstance(part, nn.Linear)],
                forward_fn=ImageClassifier.forward)
            pruner.step()
        self._record([*self.history, *pruner.pruning_history()])

    @property
    def history(self) -> list[Any]:
        """What went, in order: the layer, whether outputs or inputs of it, and which."""
        said = bytes(getattr(self, HISTORY).cpu().tolist())
        return json.loads(said) if said else []

    def _record(self, history: list[Any]) -> None:
        said = json.dumps([[name, bool(out), list(map(int, which))] for name, out, which in history],
                          separators=(',', ':'))
        device = getattr(self, HISTORY).device
        setattr(self, HISTORY, torch.tensor(list(said.encode()), dtype=torch.uint8, device=device))

    def _load_from_state_dict(self, state: Mapping[str, Tensor], prefix: str, *args: Any) -> None:
        """Take the shape of these weights first: the modules inside are loaded after this."""
        given = state.get(f'{prefix}{HISTORY}')
        if given is not None and len(given) and not self.history:
            self._replay(json.loads(bytes(given.cpu().tolist())))
        super()._load_from_state_dict(state, prefix, *args)

    def _replay(self, history: list[Any]) -> None:
        import torch_pruning as tp

        with _traced(self) as image:
            graph = tp.DependencyGraph().build_dependency(self, image, forward_fn=ImageClassifier.forward)
            graph.load_pruning_history(history)
        self._record(history)


@contextlib.contextmanager
def _traced(network: nn.Module) -> Iterator[Tensor]:
    """In here a network can be followed from its input to its output: evaluation mode, gradients, and an image."""
    was, frozen = network.training, [value for value in network.parameters() if not value.requires_grad]
    network.train(False)
    network.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield torch.zeros(1, 3, _SIDE, _SIDE, device=next(network.parameters()).device)
    finally:
        network.train(was)
        for value in frozen:
            value.requires_grad_(False)


def _without_start(network: nn.Module) -> None:
    """Its modules have the parent's weights: they load none and draw none."""
    for part in network.modules():
        if hasattr(part, 'init_cfg'):
            part.init_cfg = None


@HOOKS.register_module(force=True)
class RecalibrateHook(Hook):
    """Before the first step, the statistics of batch norm are counted anew on train: those that are left after pruning
    are of other inputs.

    Args:
        batches: at most.
    """
    priority = 'LOW'  # after weights are loaded

    def __init__(self, batches: int = 50) -> None:
        self.batches = batches

    def before_train(self, runner: Any) -> None:
        if runner.iter == 0:
            network = getattr(runner.model, 'module', runner.model)
            loader = itertools.islice(runner.train_dataloader, self.batches)
            torch.optim.swa_utils.update_bn((network.data_preprocessor(data, False)['inputs'] for data in loader),
                                            network)
