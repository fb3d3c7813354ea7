"""Flow matching: loss, augmentation, solver and guidance against what they are by definition; then a training."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytestmark = pytest.mark.mm
SMALL = dict(type='FlowUNet', output_scale=8, channels=[8, 16], blocks=[1, 1], attention=[4])


@pytest.fixture(autouse=True)
def in_mmagic():
    from pipelines.openmm.compat import scope
    scope.enter('mmagic')  # a test of another library may have run before


def flow(**changes):
    from pipelines.openmm.synth.flow import RectifiedFlow
    torch.manual_seed(0)
    model = RectifiedFlow(**dict(dict(generator=dict(SMALL), num_classes=2, hidden=0.5), **changes))
    for parameter in model.parameters():
        if not parameter.any():  # as constructed, it draws nothing but zeros
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_the_loss_is_that_of_the_line_from_noise_to_image():
    model, images, labels = flow(), torch.rand(16, 3, 8, 8) * 2 - 1, torch.arange(16) % 2
    torch.manual_seed(5)
    found = model.loss(images, labels)['loss']

    torch.manual_seed(5)
    noise = torch.randn(16, 3, 8, 8)
    times = 1 / (1 + torch.exp(-torch.randn(16)))
    asked = [2 if draw < 0.5 else int(label) for draw, label in zip(torch.rand(16), labels)]
    assert sorted(set(asked)) == [0, 1, 2]
    errors = []
    for image, start, time, label in zip(images, noise, times, asked):
        velocity = model.generator((time * image + (1 - time) * start)[None], time[None], torch.tensor([label]))[0]
        errors.append(((velocity - (image - start)) ** 2).mean().item())
    assert found.item() == pytest.approx(sum(errors) / 16, rel=1e-5)


def test_a_step_reads_nothing_from_its_device():
    """Tensors without values: whatever would have to know one raises."""
    model = flow(augmented=0.5).to('meta')
    loss = model.loss(torch.empty(4, 3, 8, 8, device='meta'), torch.empty(4, dtype=torch.long, device='meta'))['loss']
    loss.backward()
    assert loss.device.type == 'meta' and all(value.grad is not None for value in model.parameters())


def test_augmentation_moves_and_scales_as_it_says():
    from pipelines.openmm.synth import flow as flows
    torch.manual_seed(1)
    ramp = torch.linspace(-1, 1, 65)[:-1] + 1 / 64  # pixel centres: the value is the place
    images = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.zeros(64, 64)]).expand(40, 3, 64, 64)
    changed, amounts = flows.augment(images, 0.5)
    untouched = (amounts == 0).all(1)
    assert 10 < untouched.sum() < 30 and torch.equal(changed[untouched], images[untouched])
    for picture, (left, up, larger) in zip(changed, amounts.tolist()):
        zoom = 2 ** (-flows.SCALE * larger)
        expected = ramp * zoom + 2 * flows.SHIFT * torch.tensor([[left], [up]])
        inside = (expected.abs() < 0.95)
        found = torch.stack([picture[0, 32], picture[1, :, 32]])
        torch.testing.assert_close(found[inside], expected[inside], rtol=0, atol=1e-4)


def test_heun_follows_a_known_field_to_second_order():
    from pipelines.openmm.synth.flow_sampling import heun
    start = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)

    def field(x, time):  # dx/dt = t - x: x(1) = (x(0) + 1) / e
        return time.double()[:, None] - x

    errors = [(heun(field, start, steps) - (start + 1) / math.e).abs().max().item() for steps in (10, 20, 40)]
    assert errors[0] < 5e-3
    assert [first / second for first, second in zip(errors, errors[1:])] == pytest.approx([4, 4], rel=0.1)


def test_guidance_moves_away_from_the_velocity_for_no_class():
    from pipelines.openmm.synth.flow_sampling import guided
    network = flow().generator.eval()
    x, time, labels = torch.randn(3, 3, 8, 8), torch.full((3,), 0.3), torch.tensor([0, 1, 1])
    with torch.no_grad():
        towards, none = network(x, time, labels), network(x, time, torch.full((3,), 2))
        assert (towards - none).abs().max() > 0.01
        for guidance in (0.0, 1.0, 1.5, 4.0):
            torch.testing.assert_close(guided(network, labels, guidance)(x, time), none + guidance * (towards - none),
                                       rtol=1e-4, atol=1e-4)


def test_a_flow_learns_which_class_has_which_colour():
    """Two classes, each with one colour and a random brightness."""
    from pipelines.openmm.synth.flow_sampling import sample
    model = flow(hidden=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    colours = torch.tensor([[-0.6, 0.0, 0.6], [0.6, 0.0, -0.6]])  # BGR, as mmagic trains
    for _ in range(150):
        labels = torch.randint(2, (32,))
        images = (colours[labels] + (torch.rand(32, 1) - 0.5) * 0.4)[:, :, None, None].expand(-1, -1, 8, 8)
        loss = model.loss(images, labels)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    drawn = np.stack(list(sample(model.generator.eval(), [0, 1] * 16, range(32), guidance=1)))
    means = drawn.reshape(16, 2, -1, 3).mean(axis=(0, 2))
    assert np.abs(means - (np.array([[0.6, 0.0, -0.6], [-0.6, 0.0, 0.6]]) + 1) * 127.5).max() < 20  # RGB
    assert np.abs(drawn[0].astype(int) - drawn[2]).mean() > 2  # other seeds, other images


def test_an_image_depends_on_its_class_and_seed():
    """But for a level, on its batch."""
    from pipelines.openmm.synth.flow_sampling import sample
    network, labels, seeds = flow().generator.eval(), [0, 1, 0, 1, 0], [5, 6, 7, 5, 5]
    together = np.stack(list(sample(network, labels, seeds, steps=3))).astype(int)
    alone = np.stack(list(sample(network, labels[::-1], seeds[::-1], steps=3, batch=2)))[::-1]
    assert np.abs(together - alone).max() <= 1
    assert np.abs(together[0] - together[4]).max() <= 1
    assert np.abs(together[0] - together[3]).max() > 10  # another class, the same seed
    assert np.abs(together[0] - together[2]).max() > 10


def test_the_network_folds_pixels_and_is_told_time_class_and_augmentation():
    from pipelines.openmm.synth.flow_unet import FlowUNet, frequencies
    assert FlowUNet(8, 2, channels=[8], blocks=[1])(torch.randn(1, 3, 8, 8), torch.rand(1), torch.tensor([0])).abs(
        ).max() == 0  # as constructed
    network = flow(generator=dict(SMALL, output_scale=16, patch=2)).generator.eval()
    x, ask = torch.randn(2, 3, 16, 16), dict(time=torch.tensor([0.2, 0.8]), label=torch.tensor([0, 1]))
    plain = network(x, **ask)
    assert plain.shape == x.shape
    assert torch.equal(plain, network(x, **ask, augmentation=torch.zeros(2, 3)))
    for other in (dict(ask, time=torch.tensor([0.3, 0.7])), dict(ask, label=torch.tensor([1, 2])),
                  dict(ask, augmentation=torch.ones(2, 3))):
        assert (network(x, **other) - plain).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    known = frequencies(torch.tensor([0.25]), 4)
    assert known[0].tolist() == pytest.approx([math.cos(250), math.cos(2.5), math.sin(250), math.sin(2.5)], abs=1e-4)


def test_attention_is_softmax_of_products():
    from pipelines.openmm.synth.flow_unet import Attention
    torch.manual_seed(0)
    layer = Attention(8, width=4)
    torch.nn.init.normal_(layer.out.weight)
    x = torch.randn(2, 8, 3, 3)
    query, key, value = layer.qkv(layer.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)
    heads = [F.softmax(query[..., part] @ key[..., part].transpose(1, 2) / 2, dim=2) @ value[..., part]
             for part in (slice(4), slice(4, 8))]
    expected = x + layer.out(torch.cat(heads, dim=2).transpose(1, 2).reshape(2, 8, 3, 3))
    torch.testing.assert_close(layer(x), expected)
