"""CAM, Grad-CAM and attention: equal to pytorch-grad-cam and to the networks' own attention, for every family."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.analysis import attention, attribution
from tests.analysis.networks import FAMILIES, logits, network, pixels

pytestmark = pytest.mark.mm
VITS = ('vit', 'timm_vit')


def _layer(family):
    return attribution.find_layer(network(family), pixels()[:1], logits(family))


@pytest.mark.parametrize('family', sorted({*FAMILIES} - {'swin'}))  # whose maps no module gives by itself
def test_grad_cam_is_that_of_pytorch_grad_cam(family):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network(family)

        def forward(self, images):
            return logits(family)(images)

    layer, classes = _layer(family), torch.tensor([0, 3, 4])
    module = network(family).get_submodule(layer.name)
    oracle = GradCAM(Whole(), [module], reshape_transform=lambda output: layer.spatial(attribution.tensor_of(output)))
    expected = oracle(pixels().clone().requires_grad_(), [ClassifierOutputTarget(int(label)) for label in classes])
    maps = attribution.grad_cam(network(family), logits(family), layer, pixels(), classes)
    assert maps.shape[0] == 3 and min(maps.shape[1:]) > 1
    assert maps.amax(dim=(1, 2)).max() > 0  # not all empty, as a ViT's last layer would give
    assert attribution.enlarged(maps, (64, 64)) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize('family', ['cnn', 'timm', 'swin'])  # so Swin's Grad-CAM is held against a formula
def test_cam_is_grad_cam_for_pooling_and_one_layer(family):
    classes = torch.tensor([1, 2, 0])
    maps = [attribution.enlarged(method(network(family), logits(family), _layer(family), pixels(), classes), (64, 64))
            for method in (attribution.cam, attribution.grad_cam)]
    assert maps[0] == pytest.approx(maps[1], abs=2e-5) and maps[0].max() > 0.9


@pytest.mark.parametrize('family', ['vit', 'convnext'])
def test_cam_is_not_given_where_it_is_not_defined(family):
    assert attribution.cam(network(family), logits(family), _layer(family), pixels(), torch.zeros(3).long()) is None


@pytest.mark.parametrize('family', VITS)
def test_attention_times_values_is_what_the_block_gives(family):
    block = attribution.attention_blocks(attribution.body(network(family))[1])[1].attn
    kept = {}
    handles = [block.qkv.register_forward_hook(lambda module, inputs, output: kept.update(qkv=output)),
               block.proj.register_forward_hook(lambda module, inputs, output: kept.update(mixed=inputs[0]))]
    with torch.no_grad():
        logits(family)(pixels())
    for handle in handles:
        handle.remove()
    weights, values = attention.weights(block, kept['qkv'])
    assert (weights @ values).transpose(1, 2).flatten(2) == pytest.approx(kept['mixed'], abs=1e-5)
    blocks = attention.of_blocks(network(family), logits(family), pixels())
    assert torch.equal(blocks[1], weights)


@pytest.mark.parametrize('family', VITS)
def test_rows_of_attention_and_rollout_sum_to_1(family):
    blocks = attention.of_blocks(network(family), logits(family), pixels())
    flow = attention.rollout(blocks)
    for rows in (*blocks, flow):
        assert rows.sum(dim=-1).numpy() == pytest.approx(1, abs=1e-5)
    layer = _layer(family)
    assert attention.on_places(flow, layer).shape == (3, *layer.places)


def test_rollout_follows_the_tokens():
    """Two blocks of one head, in each of which the first token attends to the second alone."""
    block = torch.tensor([[0., 1.], [0., 1.]])[None, None]
    assert attention.rollout([block, block])[0].tolist() == [[0.25, 0.75], [0, 1]]


@pytest.mark.parametrize('family', FAMILIES)
def test_other_weights_give_other_maps_and_come_back(family):
    before = {name: value.clone() for name, value in network(family).state_dict().items()}
    classes, layer = torch.tensor([0, 1, 2]), _layer(family)

    def maps():
        return attribution.enlarged(attribution.grad_cam(
            network(family), logits(family), layer, pixels(), classes), (64, 64))

    first = maps()
    with attribution.drawn_anew(network(family)):
        other = maps()
    assert np.abs(attribution.rank_correlation(first, other)).max() < 0.95
    assert np.array_equal(first, maps()) and first.max() > 0.9
    assert all(torch.equal(value, before[name]) for name, value in network(family).state_dict().items())


def test_the_share_inside_a_box():
    maps = np.zeros((3, 4, 4), np.float32)
    maps[0, :2, :2] = 1
    maps[1] = 1
    animals = np.zeros((3, 4, 4), bool)
    animals[:, :2, :3] = True
    share, area = attribution.inside(maps, animals)
    assert share[:2].tolist() == [1, 6 / 16] and np.isnan(share[2]) and area.tolist() == [6 / 16] * 3
