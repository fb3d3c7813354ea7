"""Pruned networks: their size, their shape in a new process, and batch norm after pruning."""
from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from pipelines.core.errors import InputError
from tests.openmm import small


@pytest.fixture
def parent(tmp_path):
    torch.save(dict(state_dict=small.network(seed=3).state_dict()), tmp_path / 'model.pth')
    return tmp_path / 'model.pth'


def cost(network: torch.nn.Module) -> tuple[int, int]:
    """Multiply-adds of one image, and parameters."""
    import torch_pruning as tp
    network.eval()
    return tp.utils.count_ops_and_params(network, torch.zeros(1, 3, 64, 64))


def test_half_the_channels_are_gone_and_a_quarter_of_the_work_is_left(parent):
    full, half = small.network(), small.network('PrunedClassifier', parent=str(parent), ratio=0.5)
    (operations, parameters), (fewer, smaller) = cost(full), cost(half)
    assert 3.1 < operations / fewer < 4.1 and 3.7 < parameters / smaller < 4.1
    assert half.backbone.conv1.out_channels == 8 and half.head.fc.in_features == 64
    assert half.head.fc.out_features == small.CLASSES
    channels = [part.out_channels for part in half.modules() if isinstance(part, torch.nn.Conv2d)]
    assert all(count % 8 == 0 for count in channels)
    parents = small.network(seed=3).backbone.conv1.weight
    mine = {tuple(channel.flatten().tolist()) for channel in half.backbone.conv1.weight}
    assert mine <= {tuple(channel.flatten().tolist()) for channel in parents}


@pytest.mark.mm
def test_a_model_takes_its_shape_in_a_new_process(parent, tmp_path):
    """Without the parent: pruned, saved, loaded elsewhere, the same outputs to the last bit."""
    half = small.network('PrunedClassifier', parent=str(parent), ratio=0.5)
    inputs, _ = small.batch()
    half.eval()
    with torch.inference_mode():
        torch.save(dict(inputs=inputs, outputs=half(inputs)), tmp_path / 'seen.pth')
    torch.save(dict(state_dict=half.state_dict()), tmp_path / 'pruned.pth')
    assert half.pruning_history.numel() < 5000
    code = f'''
from pathlib import Path
import torch
from pipelines.openmm.weights import loading
from tests.openmm import small
network = small.network('PrunedClassifier', seed=9, parent='model://resnet18_64px', ratio=0.5)
network.load_state_dict(loading.load(Path({str(tmp_path / 'pruned.pth')!r})))
network.eval()
seen = torch.load({str(tmp_path / 'seen.pth')!r})
with torch.inference_mode():
    print('equal', network(seen['inputs']).equal(seen['outputs']), network.backbone.conv1.out_channels)
'''
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == 'equal True 8', done.stderr[-2000:]


def test_a_pruned_network_is_pruned_further(parent, tmp_path):
    half = small.network('PrunedClassifier', parent=str(parent), ratio=0.5)
    torch.save(dict(state_dict=half.state_dict()), tmp_path / 'model.pth')
    quarter = small.network('PrunedClassifier', parent=str(tmp_path / 'model.pth'), ratio=0.5)
    assert quarter.backbone.layer4[0].conv1.out_channels == 32
    again = small.network('PrunedClassifier', parent='model://x', ratio=0.5)
    again.load_state_dict(quarter.state_dict())
    assert again.history == quarter.history and len(again.history) > len(half.history)


def test_weights_of_the_parent_are_not_drawn_anew(parent):
    half = small.network('PrunedClassifier', parent=str(parent), ratio=0.5)
    before = {name: value.clone() for name, value in half.state_dict().items()}
    half.init_weights()
    assert all(value.equal(half.state_dict()[name]) for name, value in before.items())


def test_batch_norm_is_counted_anew(parent):
    """After the hook, the statistics are the mean over the batches that it was given."""
    from pipelines.openmm.classify.pruned import RecalibrateHook
    half = small.network('PrunedClassifier', parent=str(parent), ratio=0.5)
    pixels = torch.randint(0, 256, (4, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    batches = [dict(inputs=list(pixels[:2])), dict(inputs=list(pixels[2:])), dict(inputs=list(pixels[:2]))]
    seen = []
    half.backbone.conv1.register_forward_hook(lambda module, inputs, output: seen.append(output.mean((0, 2, 3))))
    RecalibrateHook(batches=2).before_train(SimpleNamespace(iter=0, model=half, train_dataloader=batches))
    assert half.backbone.bn1.running_mean == pytest.approx(((seen[0] + seen[1]) / 2).detach(), abs=1e-5)
    assert len(seen) == 2 and half.backbone.bn1.momentum == 0.1
    RecalibrateHook().before_train(SimpleNamespace(iter=5, model=half, train_dataloader=batches))
    assert len(seen) == 2  # a resumed training has its own


def test_what_cannot_be_pruned_is_refused():
    with pytest.raises(InputError, match='expected a share between 0 and 1, found 1.5'):
        small.network('PrunedClassifier', parent='model://a', ratio=1.5)
    from mmengine.registry import MODELS
    with pytest.raises(InputError, match='expected a convolutional network, found attention in backbone.layers.0'):
        MODELS.build(dict(type='PrunedClassifier', parent='model://a', ratio=0.5, backbone=dict(
            type='VisionTransformer', arch=dict(embed_dims=48, num_layers=1, num_heads=3, feedforward_channels=48))))
