"""Classifiers on the frozen features of another row's network: trained in balanced batches, scaled, or fitted.

Source: Kang et al. 2020, Decoupling representation and classifier for long-tailed recognition (arXiv 1910.09217). cRT
is `frozen.FrozenClassifier` with a new linear head and `long_tail.BalancedSampler`. What is chosen, is chosen on val.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_world_size
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop
from mmengine.runner.checkpoint import _load_checkpoint_with_prefix
from mmpretrain.models.heads import ClsHead, LinearClsHead
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional

from pipelines.core.errors import InputError
from pipelines.openmm.classify.frozen import UnitLengthClsHead

TAUS = tuple(step / 10 for step in range(21))
COSTS = (.01, .1, 1., 10.)


@dataclass(frozen=True)
class Features:
    """What a frozen network gives for the images of a split.

    Args:
        vectors: (N, D).
        labels: (N,).
    """
    vectors: Tensor
    labels: Tensor


@LOOPS.register_module(force=True)
class FitLoop(EpochBasedTrainLoop):
    """In place of gradient steps, ``head.fit(train, val)`` is told the features of both splits, once.

    Hooks, validation and checkpoints are those of a training of one epoch.

    Raises:
        InputError: several processes, or a head that is trained.
    """

    def __init__(self, runner: Any, dataloader: Any, max_epochs: int = 1, val_interval: int = 1) -> None:
        super().__init__(runner, dataloader, max_epochs, val_interval=val_interval)

    def run_epoch(self) -> None:
        network = getattr(self.runner.model, 'module', self.runner.model)
        if get_world_size() > 1 or not hasattr(network.head, 'fit'):
            raise InputError('train_cfg.type', expected='one process, and a head that is fitted',
                             found=f'{get_world_size()} processes, {type(network.head).__name__}',
                             remedy='train with EpochBasedTrainLoop, or with one process')
        self.runner.call_hook('before_train_epoch')
        network.eval()
        with torch.inference_mode():
            train, val = (_features(network, loader) for loader in (self.dataloader, self.runner.val_loop.dataloader))
        with torch.no_grad():
            chosen = network.head.fit(*(Features(part.vectors.clone(), part.labels.clone()) for part in (train, val)))
        self.runner.logger.info(f'chosen on val: {chosen}')
        self.runner.visualizer.add_scalars(chosen)
        self._iter = self._max_iters
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


def _features(network: Any, loader: Any) -> Features:
    vectors, labels = [], []
    for batch in loader:
        data = network.data_preprocessor(batch, False)
        vectors.append(network(data['inputs'], mode='feature').float())
        labels += [int(sample.gt_label) for sample in data['data_samples']]
    return Features(torch.cat(vectors), torch.tensor(labels, device=vectors[0].device))


def balanced_accuracy(scores: Tensor, labels: Tensor) -> float:
    """Mean over classes of the share that is right.

    Args:
        scores: (N, C).
        labels: (N,).
    """
    right = (scores.argmax(dim=1) == labels).double()
    counts = torch.bincount(labels)
    return float((torch.bincount(labels, right, len(counts)) / counts)[counts > 0].mean())


def best(values: tuple[float, ...], scores: Callable[[float], Tensor], labels: Tensor) -> float:
    """The value whose scores are best on val, by balanced accuracy; of equal ones the first."""
    return max(values, key=lambda value: balanced_accuracy(scores(value), labels))


class StartedHead(LinearClsHead):
    """A linear head that starts from another one.

    Args:
        start: ``checkpoint``, and as ``prefix`` what is before ``weight`` and ``bias`` in it.
    """

    def __init__(self, *args: Any, start: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start = dict(start)

    def init_weights(self) -> None:
        super().init_weights()
        given = _load_checkpoint_with_prefix(f'{self.start["prefix"]}.', self.start['checkpoint'], map_location='cpu')
        wanted = {name: tuple(tensor.shape) for name, tensor in self.fc.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in given.items()}
        if found != wanted:
            raise InputError(self.start['checkpoint'], expected=f'a linear layer of {wanted}', found=str(found),
                             remedy='name a row whose head is a linear layer on the same features')
        self.fc.load_state_dict(given)


@MODELS.register_module(force=True)
class TauNormalisedHead(StartedHead):
    """A linear head whose classes' logits are divided by the norm of their weights to the power of tau.

    Norms grow with a class's share of the training images. Tau 0 leaves the logits as they are. Norms are relative to
    their mean, and the bias is scaled with its weights, so a softmax stays what it was where all norms are equal.

    Args:
        taus: of which one is chosen on val, by balanced accuracy.
    Source: Kang et al. 2020, section 4.1.
    """

    def __init__(self, *args: Any, taus: tuple[float, ...] = TAUS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.taus = tuple(taus)
        self.register_buffer('tau', torch.zeros(()))

    def fit(self, train: Features, val: Features) -> dict[str, float]:
        weight, bias = self.fc.weight.clone(), self.fc.bias.clone()
        norms = weight.norm(dim=1)
        scale = (norms.mean() / norms.clamp_min(torch.finfo(norms.dtype).tiny))
        logits = functional.linear(val.vectors, weight, bias)
        chosen = best(self.taus, lambda tau: logits * scale ** tau, val.labels)
        self.tau.fill_(chosen)
        self.fc.weight.copy_(weight * (scale ** chosen)[:, None])
        self.fc.bias.copy_(bias * scale ** chosen)
        return dict(tau=chosen)


@MODELS.register_module(force=True)
class ScaledHead(StartedHead):
    """LWS: a linear head that stays as it is, and a trained factor for each class's logit.

    Source: Kang et al. 2020, section 4.1. Freeze ``head.fc`` (`FrozenClassifier`).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scale = nn.Parameter(torch.ones(self.num_classes))

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """(N, C) logits."""
        return super().forward(feats) * self.scale


@MODELS.register_module(force=True)
class SVMHead(UnitLengthClsHead):
    """scikit-learn's linear support vector machine, one class against the rest, each class weighted by its rarity.

    Vectors are brought to length 1: raw ones took 13 times as long.

    Args:
        costs: values of C, of which one is chosen on val, by balanced accuracy.
    Source: the report on small data (003, task C); Kang et al. have the other heads.
    """

    def __init__(self, *args: Any, costs: tuple[float, ...] = COSTS, **kwargs: Any) -> None:
        super().__init__(*args, **{'length': 1., **kwargs})
        self.costs = tuple(costs)
        self.register_buffer('cost', torch.zeros(()))

    def fit(self, train: Features, val: Features) -> dict[str, float]:
        train, val = (Features(self.pre_logits((part.vectors,)), part.labels) for part in (train, val))
        fitted = {cost: self._fitted(train, cost) for cost in self.costs}
        chosen = best(self.costs, lambda cost: functional.linear(val.vectors, *fitted[cost]), val.labels)
        self.cost.fill_(chosen)
        for tensor, values in zip((self.fc.weight, self.fc.bias), fitted[chosen]):
            tensor.copy_(values)
        return dict(cost=chosen)

    def _fitted(self, train: Features, cost: float) -> tuple[Tensor, Tensor]:
        """Weights (C, D) and bias (C,); of a class without training images the least of all."""
        from sklearn.svm import LinearSVC

        machine = LinearSVC(C=cost, class_weight='balanced', random_state=0, max_iter=10_000)
        machine.fit(train.vectors.cpu().numpy().astype(np.float64), train.labels.cpu().numpy())
        coefficients, intercepts = machine.coef_, machine.intercept_
        if len(machine.classes_) == 2:  # one machine tells both
            coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.hstack([-intercepts, intercepts])
        weight, bias = torch.zeros_like(self.fc.weight), torch.full_like(self.fc.bias, -1e4)
        known = torch.as_tensor(machine.classes_, device=weight.device)
        weight[known] = torch.as_tensor(coefficients, dtype=weight.dtype, device=weight.device)
        bias[known] = torch.as_tensor(intercepts, dtype=bias.dtype, device=bias.device)
        return weight, bias


@MODELS.register_module(force=True)
class NearestNeighboursHead(ClsHead):
    """Votes of the k training images that are most alike, by cosine, each weighted by exp(cosine / temperature).

    Args:
        num_classes: of the data.
        k: neighbours; all there are, where these are fewer.
        temperature: of the votes.
    Source: Wu et al. 2018, Unsupervised feature learning via instance discrimination (arXiv 1805.01978), section 3.4.
    """

    def __init__(self, num_classes: int, k: int = 20, temperature: float = .07, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes, self.k, self.temperature = num_classes, k, temperature
        self.unused = nn.Parameter(torch.zeros(()))  # an optimiser needs one
        self.register_buffer('vectors', torch.zeros(0, 0))
        self.register_buffer('labels', torch.zeros(0, dtype=torch.long))

    def fit(self, train: Features, val: Features) -> dict[str, float]:
        self.vectors, self.labels = functional.normalize(train.vectors), train.labels
        return dict(neighbours=min(self.k, len(self.labels)))

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        return feats[-1]

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """(N, C): the logarithm of each class's share of the votes; before any image is known, all alike."""
        if not len(self.labels):
            return self.pre_logits(feats).new_zeros(len(self.pre_logits(feats)), self.num_classes)
        alike = functional.normalize(self.pre_logits(feats)) @ self.vectors.T
        near, which = alike.topk(min(self.k, len(self.labels)), dim=1)
        votes = alike.new_zeros(len(alike), self.num_classes).scatter_add_(
            1, self.labels[which], ((near - near[:, :1]) / self.temperature).exp())
        return (votes / votes.sum(dim=1, keepdim=True) + 1e-6).log()

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *args: Any) -> None:
        for name in ('vectors', 'labels'):  # as many as were kept
            if (given := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(given, device=getattr(self, name).device))
        super()._load_from_state_dict(state_dict, prefix, *args)

