"""A classifier with parts that are not trained, such as the backbone of a linear probe."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmpretrain.models import ClsDataPreprocessor, ImageClassifier, LinearClsHead, StackedLinearClsHead
from mmpretrain.registry import MODELS
from torch import Tensor

from pipelines.core.errors import InputError


@MODELS.register_module(force=True)
class FeaturePreprocessor(ClsDataPreprocessor):
    """mmpretrain's, which hands on vectors (N, C) in place of images as they are (`FeatureCacheHook`)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.batch_augments is not None or self.to_onehot:
            raise InputError('model.train_cfg', expected='nothing: features of a frozen network are not mixed',
                             found='augmentations of batches', remedy='take it out, or train with ImageClassifier')

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        if is_feature(data['inputs']):
            return dict(inputs=self.cast_data(data['inputs']), data_samples=self.cast_data(data['data_samples']))
        return super().forward(data, training)


def is_feature(inputs: Any) -> bool:
    """Whether what a classifier is given are vectors, not images."""
    return isinstance(inputs, Tensor) and inputs.dim() == 2


@MODELS.register_module(force=True)
class FrozenClassifier(ImageClassifier):
    """`ImageClassifier` of which parts stay as they were when the training began: parameters and buffers.

    They are in evaluation mode throughout: statistics of batch norm do not move, nothing is dropped. With
    `frozen_features.FeatureCacheHook` each image goes through backbone and neck once.

    Args:
        frozen: names of modules.
    Raises:
        InputError: a name of none.
    """

    def __init__(self, *args: Any, frozen: Sequence[str] = ('backbone', 'neck'),
                 data_preprocessor: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        preprocessor = {'type': 'FeaturePreprocessor', **(data_preprocessor or {})}
        super().__init__(*args, data_preprocessor=preprocessor, **kwargs)
        self.frozen = tuple(frozen)
        for name in self.frozen:
            try:
                part = self.get_submodule(name)
            except AttributeError:
                raise InputError('model.frozen', expected='modules of the network, as backbone or head.layers.0',
                                 found=name, remedy='correct the name') from None
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> FrozenClassifier:
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).train(False)
        return self

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> tuple[Tensor, ...]:
        """As of `ImageClassifier`; vectors in place of images are those of the neck."""
        if not is_feature(inputs):
            return super().extract_feat(inputs, stage)
        return self.head.pre_logits((inputs,)) if stage == 'pre_logits' else (inputs,)

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        """As of `ImageClassifier`; ``mode='feature'`` gives the vectors (N, C) that the head is given.

        Raises:
            InputError: a backbone that is trained, or a neck that leaves maps: there is no such vector.
        """
        if mode != 'feature':
            return super().forward(inputs, data_samples, mode)
        trained = [name for name, value in self.named_parameters()
                   if value.requires_grad and name.startswith(('backbone.', 'neck.'))]
        found = self.extract_feat(inputs)[-1]
        if trained or not is_feature(found):
            raise InputError('custom_hooks, FeatureCacheHook', expected='a frozen backbone and neck that give a vector '
                             'for each image', found=f'{trained[0]} is trained' if trained else
                             f'{tuple(found.shape)} for {len(inputs)} images',
                             remedy="write frozen=('backbone', 'neck') and a neck that pools, or take the hook out")
        return found


@MODELS.register_module(force=True)
class UnitLengthClsHead(LinearClsHead):
    """`LinearClsHead` of vectors that are brought to one length.

    Args:
        length: of all of them. A linear layer on vectors of length 1 would need very large weights.
    """

    def __init__(self, *args: Any, length: float = 8., **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.length = length

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        return torch.nn.functional.normalize(super().pre_logits(feats)) * self.length


@MODELS.register_module(force=True)
class StackedOnPretrainedHead(StackedLinearClsHead):
    """`StackedLinearClsHead` whose first layer starts from a classifier's own: a new layer on top of 1,000 logits.

    Args:
        first: ``init_cfg`` of that layer: the file, and as ``prefix`` what is before ``fc.weight`` in it.
    """

    def __init__(self, *args: Any, first: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.layers[0].init_cfg = dict(first)
