"""A GAN that starts from a generator of ImageNet's 1000 classes: ``load_from = 'weights://biggan_deep_256'``."""
from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import Tensor, nn

from pipelines.core.errors import InputError
from pipelines.openmm.weights.conversions.biggan_deep import SETTINGS

EMBEDDING = 'shared_embedding.weight'
# Indices of ImageNet-1k below bird (n01503061) and below dog (n02084071) in WordNet 3.0; wild dogs are not below dog.
GROUPS = dict(bird=(*range(7, 25), *range(80, 101), *range(127, 147)), dog=tuple(range(151, 269)))


@functools.cache
def _wnids() -> list[str]:
    from timm.data import ImageNetInfo

    return ImageNetInfo('imagenet-1k').label_names()


def imagenet_classes(category: Mapping[str, str]) -> Sequence[int]:
    """The classes of ImageNet-1k (0 to 999) that a class of ours starts from.

    Args:
        category: ``supercategory`` and, where it is known, the WordNet id ``wnid``.
    Returns:
        the same class, by ``wnid``; else all that are of its super-class (`GROUPS`); else all.
    Source: the order of the 1000 WordNet ids is timm's (``ImageNetInfo``).
    """
    wnids = _wnids()
    if category.get('wnid') in wnids:
        return [wnids.index(category['wnid'])]
    return GROUPS.get(category['supercategory'], range(len(wnids)))


def for_classes(state: Mapping[str, Tensor], categories: Sequence[Mapping[str, str]]) -> dict[str, Tensor]:
    """A generator of ImageNet's classes -> one of ours: an embedding is the mean over `imagenet_classes`.

    Args:
        state: mmagic's ``BigGANDeepGenerator`` of 1000 classes.
        categories: ours, in the order of the labels.
    """
    import torch

    rows = [state[EMBEDDING][list(imagenet_classes(category))].mean(dim=0) for category in categories]
    return {**state, EMBEDDING: torch.stack(rows)}


def check_settings(generator: Any) -> None:
    """What of `SETTINGS` no tensor shows: a generator with other ones takes the weights and draws something else.

    Raises:
        InputError: names them.
    """
    epsilons = {module.eps for module in generator.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)}
    if epsilons != {SETTINGS['out_norm_cfg']['eps']} or not generator.rgb2bgr:
        raise InputError('model.generator', expected=f'{SETTINGS}, as ImageNet\'s generators have them',
                         found=f'rgb2bgr={generator.rgb2bgr}, eps of batch norm {sorted(epsilons)}',
                         remedy='set them in the config')


@HOOKS.register_module(force=True)
class ImageNetGeneratorHook(Hook):
    """Fit a generator of ImageNet's classes, as ``load_from`` brings it, to the classes of the training set.

    Generator and moving average both start from it. Other checkpoints, and resumed ones, are left as they are. The
    training list says the classes' ``wnid`` and ``supercategory`` (``metainfo.categories``).
    """
    priority = 'HIGH'  # before what it brings is checked

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        if EMBEDDING not in checkpoint:
            return
        dataset = runner.train_dataloader.dataset
        if 'categories' not in dataset.metainfo:
            raise InputError(dataset.ann_file, expected='metainfo.categories, to find the same classes in ImageNet',
                             found=', '.join(dataset.metainfo), remedy='delete that folder and run make crop again')
        model = getattr(runner.model, 'module', runner.model)
        check_settings(getattr(model.generator, 'module', model.generator))
        generator = for_classes(checkpoint, dataset.metainfo['categories'])
        checkpoint.clear()
        checkpoint['state_dict'] = {f'{part}.{name}': value for part in ('generator', 'generator_ema.module')
                                    for name, value in generator.items()}
