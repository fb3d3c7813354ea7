"""EfficientNet-Lite from the lock's packages: the tensors, the networks that start from them, and what they see."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.core.errors import InputError
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights.conversions import efficientnet_lite

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / 'mm_configs/_base_/models'
DOGS = ROOT.parent / 'shared/data/stanford_dogs'


def model(config: str, scope_name: str, **options: object):
    """A network as a config builds it, with its initial weights."""
    from mmengine import Config
    from mmengine.registry import MODELS as registry

    from pipelines.openmm.compat import scope

    cfg = Config.fromfile(MODELS / config)
    cfg.merge_from_dict(options)
    scope.enter(scope_name)
    network = registry.build(cfg.model)
    network.init_weights()
    return network


@pytest.mark.parametrize('number', [0, 1, 2])
def test_each_tensor_gets_the_name_that_timm_has_for_it(number):
    """timm's network has them in the same order; names are given by rules, which do not look at the order."""
    import timm

    name = f'efficientnet_lite{number}_in1k'
    content = weights.load(weights.resolve(name))
    with torch.device('meta'):
        timms = timm.create_model(f'tf_efficientnet_lite{number}').state_dict()
    given = {key.replace('backbone.timm_model.', '').replace('head.fc.', 'classifier.'): value
             for key, value in efficientnet_lite.convert(content).items()}
    assert list(given) == list(timms)
    assert all(given[key].shape == timms[key].shape and given[key] is value
               for key, value in zip(timms, content.values(), strict=True))
    assert weights.row(name).normalisation == ((127.5,) * 3, (127.5,) * 3)


def test_another_network_is_refused():
    with pytest.raises(InputError, match='EfficientNet-Lite: expected 16 or 21 blocks, found 1'):
        efficientnet_lite.convert({'_blocks.0._bn1.weight': torch.zeros(1)})
    with pytest.raises(InputError, match='_swish: expected a tensor of the network'):
        efficientnet_lite.convert(dict(weights.load(weights.resolve('efficientnet_lite0_in1k')), _swish=torch.zeros(1)))


@pytest.mark.mm
def test_the_classifier_names_real_dogs():
    """200 of Stanford Dogs' four breeds at hand, among the 1,000 classes of ImageNet."""
    if not DOGS.is_dir():
        pytest.skip('needs ../shared/data/stanford_dogs')
    import cv2
    from mmengine.dataset import Compose
    from timm.data import ImageNetInfo

    network = model('efficientnet-lite0.py', 'mmpretrain')
    network.load_state_dict(weights.state('efficientnet_lite0_in1k'))  # strictly: its classifier, too
    network.eval()
    load = Compose([dict(type='LoadImageFromFile'),
                    dict(type='ResizeEdge', scale=256, edge='short', interpolation='bicubic'),
                    dict(type='CenterCrop', crop_size=224), dict(type='PackInputs')])
    names = ImageNetInfo().label_names()
    cv2.setNumThreads(1)
    right = []
    for folder in sorted((DOGS / 'Images').iterdir()):
        for path in sorted(folder.iterdir())[:50]:
            data = load(dict(img_path=str(path)))
            batch = network.data_preprocessor(dict(inputs=[data['inputs']], data_samples=[data['data_samples']]))
            with torch.inference_mode():
                label = int(network(batch['inputs'], mode='tensor').argmax())
            right.append(names[label] == folder.name.partition('-')[0])
    assert len(right) == 200 and np.mean(right) >= 0.88


@pytest.mark.mm
def test_the_detector_starts_from_all_tensors_of_its_backbone():
    from pipelines.openmm.weights import fit

    network = model('faster-rcnn_efficientnet-lite0_fpn.py', 'mmdet')
    fit.check_fit(network)
    fit.check_loaded(network)
    state, backbone = weights.state('efficientnet_lite0_in1k'), network.backbone.state_dict()
    assert all(torch.equal(value, state[f'backbone.{name}']) for name, value in backbone.items())
    left = {name.split('.')[2] for name in state if name.startswith('backbone.')} - {
        name.split('.')[1] for name in backbone}
    assert left == {'conv_head', 'bn2'}  # after the last map

    network.train()
    before = {name: value.clone() for name, value in backbone.items() if 'running' in name}
    maps = network.backbone(torch.rand(2, 3, 64, 96))
    assert [tuple(each.shape) for each in maps] == [(2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    assert all(torch.equal(value, network.backbone.state_dict()[name]) for name, value in before.items())
    assert network.backbone.timm_model.bn1.weight.requires_grad and len(network.neck(maps)) == 4
